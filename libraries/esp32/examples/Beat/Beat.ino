#include <Dvic.h>
#include <WiFi.h>

Dvic dvic;

void setup() {
  WiFi.begin("network", "password");
  while (WiFi.status() != WL_CONNECTED) delay(100);
  // Dvic::storeKey("...");  once: what `hubctl node add scale-3 --generate-key hmac` printed
  dvic.begin("http://192.168.1.10:8080", "1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y", 60);
  dvic.log("info", "started");
}

void loop() {
  dvic.number("celsius", temperatureRead());
  dvic.beat("measuring");
  delay(30000);
}
