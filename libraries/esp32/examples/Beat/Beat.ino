#include <Dvic.h>
#include <WiFi.h>

// the certificate that signed the hub's: of a private authority, /etc/dvic-hub/tls/ca.pem on the hub's machine
static const char kAuthority[] = R"(-----BEGIN CERTIFICATE-----
...
-----END CERTIFICATE-----)";

Dvic dvic;

void setup() {
  WiFi.begin("network", "password");
  while (WiFi.status() != WL_CONNECTED) delay(100);
  // Dvic::storeKey(R"(...)");  once: what `hubctl node add scale-3 --generate-key hmac` printed
  dvic.certificate(kAuthority);
  dvic.begin("https://dvic.example.org", "1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y", 60);
  dvic.log("info", "started");
}

void loop() {
  dvic.number("celsius", temperatureRead());
  dvic.beat("measuring");
  delay(30000);
}
