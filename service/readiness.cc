#include "service/readiness.h"

#include <systemd/sd-daemon.h>

namespace culvert::service {

void tell_ready(const std::string& status) { sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }
void tell_status(const std::string& status) { sd_notify(0, ("STATUS=" + status).c_str()); }
void tell_stopping(const std::string& why) { sd_notify(0, ("STOPPING=1\nSTATUS=" + why).c_str()); }

}  // namespace culvert::service
