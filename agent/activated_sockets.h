// agent/activated_sockets.h: the sockets that systemd has opened for the program of this process
// (sd_listen_fds(3)), told to the agent by `culvert run`: who listens there is systemd, where no
// shim is, and the program calls neither listen() nor bind().
#pragma once
#include <string>

#include "tunnel/base/time.h"

namespace culvert::agent {

// Whatever becomes of it: the program runs all the same. With policy "ask" the question names
// culvert, as the program has not started yet.
void tell_activated_sockets(const std::string& socket, Duration limit);

}  // namespace culvert::agent
