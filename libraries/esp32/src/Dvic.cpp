#if defined(ARDUINO_ARCH_ESP32)

#include "Dvic.h"

#include <HTTPClient.h>
#include <Preferences.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <WiFiUdp.h>
#include <sys/time.h>
#include <time.h>

static const int kTimeout = 10000;  // ms

bool Dvic::storeKey(const char *text) {
  Preferences flash;
  if (!flash.begin("dvic", false)) return false;
  bool there = flash.getString("key", "") == text || flash.putString("key", text) > 0;
  flash.end();
  return there;
}

bool Dvic::begin(const char *url, const char *hub, int period) {
  url_ = url;
  Preferences flash;
  String key = flash.begin("dvic", true) ? flash.getString("key", "") : String();
  flash.end();
  dvic_ways ways = {now, ticks, setClock, post, udpHost_ ? send : nullptr, this};
  bool known = dvic_sodium_signer(&signer_, &secret_, key.c_str(), key.length());
  dvic_device_begin(&device_, &signer_, hub, period, ways);
  if (!known) device_.problem = "there is no key in the flash: storeKey puts one there";
  if (time(nullptr) < 1767225600) configTime(0, 0, "pool.ntp.org");  // in the background; meanwhile the hub tells the time
  return known;
}

void Dvic::number(const char *name, double value) {
  if (count_ < DVIC_MAX_NUMBERS) numbers_[count_++] = {name, value};
}

bool Dvic::beat(const char *status) {
  bool done = dvic_beat(&device_, numbers_, count_, status);
  count_ = 0;
  return done;
}

int64_t Dvic::now(void *) { return time(nullptr); }

uint32_t Dvic::ticks(void *) { return millis(); }

void Dvic::setClock(void *, int64_t seconds) {
  struct timeval set = {};
  set.tv_sec = seconds;
  settimeofday(&set, nullptr);
}

int Dvic::post(void *self, const char *path, const char *body, size_t length, dvic_answer *answer) {
  Dvic *dvic = static_cast<Dvic *>(self);
  static const char *wanted[] = {"Date"};
  String url = String(dvic->url_) + path;
  WiFiClient plain;
  WiFiClientSecure secure;
  WiFiClient *client = &plain;
  if (url.startsWith("https://")) {
    if (dvic->certificate_) secure.setCACert(dvic->certificate_);
    else if (dvic->anybody_) secure.setInsecure();
    else return 0;  // nobody said whom to trust
    client = &secure;
  }
  HTTPClient http;
  http.setTimeout(kTimeout);
  http.setReuse(false);
  http.useHTTP10(true);  // an answer in one piece, whose size is known
  if (!http.begin(*client, url)) return 0;
  http.collectHeaders(wanted, 1);
  http.addHeader("Content-Type", "application/json");
  *answer = {};
  int status = http.POST(reinterpret_cast<uint8_t *>(const_cast<char *>(body)), length);
  if (status > 0 && http.getSize() >= 0 && http.getSize() <= 4096) {
    String date = http.header("Date"), text = http.getString();
    answer->status = status;
    answer->date = dvic_read_date(date.c_str(), date.length());
    dvic_read_body(text.c_str(), text.length(), answer);
  }
  http.end();
  return status > 0;
}

int Dvic::send(void *self, const char *data, size_t length) {
  Dvic *dvic = static_cast<Dvic *>(self);
  WiFiUDP port;
  if (!port.beginPacket(dvic->udpHost_, dvic->udpPort_)) return 0;
  port.write(reinterpret_cast<const uint8_t *>(data), length);
  return port.endPacket();
}

#endif
