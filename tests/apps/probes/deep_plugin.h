/* tests/apps/probes/deep_plugin.h: what deep_plugin.c exports, as `plugin`. */
#ifndef CULVERT_TESTS_DEEP_PLUGIN_H
#define CULVERT_TESTS_DEEP_PLUGIN_H

#include "probe.h"

struct plugin {
  const char* (*outcome)(const struct probe_target* target, const struct sockaddr_in* address);
  const char* (*outcome_by_pointer)(const struct probe_target* target,
                                    const struct sockaddr_in* address);
  const char* (*resolves)(const char* host);
  int (*own_function)(void);
};

#endif
