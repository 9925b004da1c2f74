/* What Arduino's core for ESP32 declares (2.x; the names hold in 3.x), as far as Dvic.cpp and its example call it: enough
 * for a compiler to check them, nothing that runs. */
#pragma once

#include <cstddef>
#include <cstdint>

struct String {
  String(const char *text = "");
  bool operator==(const char *other) const;
  bool startsWith(const String &begin) const;
  const char *c_str() const;
  unsigned int length() const;
};
String operator+(const String &text, const char *more);

extern "C" {
uint32_t millis();
void delay(uint32_t milliseconds);
}
float temperatureRead();
void configTime(long zone, int summer, const char *server1, const char *server2 = nullptr, const char *server3 = nullptr);

struct Preferences {
  bool begin(const char *name, bool readOnly = false, const char *partition = nullptr);
  void end();
  size_t putString(const char *key, const char *value);
  String getString(const char *key, String otherwise = String());
};

struct WiFiClass {
  int begin(const char *network, const char *password);
  int status();
};
extern WiFiClass WiFi;
enum { WL_CONNECTED = 3 };

struct WiFiClient {
  virtual ~WiFiClient();
};
struct WiFiClientSecure : WiFiClient {
  void setCACert(const char *pem);
  void setInsecure();
};
struct WiFiUDP {
  int beginPacket(const char *host, uint16_t port);
  size_t write(const uint8_t *data, size_t size);
  int endPacket();
};

struct HTTPClient {
  bool begin(WiFiClient &client, String url);
  void end();
  void setReuse(bool reuse);
  void setTimeout(uint16_t milliseconds);
  void useHTTP10(bool use = true);
  void addHeader(const String &name, const String &value, bool first = false, bool replace = true);
  void collectHeaders(const char *names[], const size_t count);
  int POST(uint8_t *data, size_t size);
  int POST(String text);
  String header(const char *name);
  String getString();
  int getSize();
};
