// service/readiness.h: what the service manager is told (sd_notify). Without NOTIFY_SOCKET in the
// environment all of it is nothing.
#pragma once
#include <string>

namespace culvert::service {

void tell_ready(const std::string& status);
void tell_status(const std::string& status);
void tell_stopping(const std::string& why);

}  // namespace culvert::service
