// agent/proxy_telling.h: the proxies and PAC scripts of this process's environment, and of its
// user's desktop, told to the agent by `culvert run`, since a system's agent sees neither. GNOME is
// asked where nothing else is set: its tool takes some 20 ms, and gets a second.
#pragma once
#include <string>

#include "tunnel/base/time.h"

namespace culvert::agent {

// Whatever becomes of it: the program runs all the same.
void tell_proxies(const std::string& socket, Duration limit);

}  // namespace culvert::agent
