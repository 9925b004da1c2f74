/* A device of a DVIC hub's, for Arduino on ESP32. See README.md; what is said, and when again, is in dvic_device.h. */
#ifndef DVIC_H
#define DVIC_H

#include <Arduino.h>

#include "dvic_device.h"
#include "dvic_sodium.h"

class Dvic {
 public:
  /* `url` of the hub, `hub`: its fingerprint, `period`: seconds in which the next beat is promised. The key is the one
   * that storeKey put into the flash. The texts have to stay. False: problem() says why. */
  bool begin(const char *url, const char *hub, int period = 60);
  /* Put the text that `hubctl node add --generate-key` wrote into the flash, once; writes nothing where it is there already. */
  static bool storeKey(const char *text);
  /* The certificate (PEM) that signed the hub's: https speaks to nobody else. It has to stay. */
  void certificate(const char *pem) { certificate_ = pem; }
  /* https that trusts whoever answers. */
  void trustAnybody() { anybody_ = true; }
  /* Where the hub hears heartbeats; without it beats go by POST. Before begin(). */
  void udp(const char *host, uint16_t port = 43278) { udpHost_ = host; udpPort_ = port; }

  /* A number for the next beat; `name` has to stay until then. */
  void number(const char *name, double value);
  void log(const char *level, const char *text) { dvic_log(&device_, level, text); }
  /* "Alive", with the numbers and all that was logged; true when the hub took it. */
  bool beat(const char *status = "");
  const char *problem() const { return device_.problem ? device_.problem : ""; }
  const char *node() const { return signer_.node; }
  const dvic_answer &answer() const { return device_.answer; }

 private:
  static int64_t now(void *self);
  static uint32_t ticks(void *self);
  static void setClock(void *self, int64_t seconds);
  static int post(void *self, const char *path, const char *body, size_t length, dvic_answer *answer);
  static int send(void *self, const char *data, size_t length);

  dvic_device device_ = {};
  dvic_signer signer_ = {};
  dvic_secret secret_ = {};
  dvic_value numbers_[DVIC_MAX_NUMBERS];
  size_t count_ = 0;
  const char *url_ = "", *certificate_ = nullptr, *udpHost_ = nullptr;
  uint16_t udpPort_ = 0;
  bool anybody_ = false;
};

#endif
