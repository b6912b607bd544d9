// service/tls_files.h: the certificate of the front door's TLS: the administrator's files, or one
// that the service signs itself, kept in the state directory so that it stays the same.
#pragma once
#include "service/config.h"
#include "tunnel/carrier/tls_context.h"

namespace culvert::service {

Result<carrier::TlsServerContext> load_tls(const Config& config, UnixTime now, Random& random);

}  // namespace culvert::service
