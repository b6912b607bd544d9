// tunnel/carrier/tls_handover.h: takes the traffic keys out of mbedTLS. Private to tls_context.cc
// and tls_layer.cc, beside tls_library.h.
//
// With 2.28 every suite that this machine computes fast is handed over; the others, and all of 3.x,
// are served by the library to the end.
#pragma once
#include <optional>

#include "tunnel/carrier/tls_library.h"
#include "tunnel/carrier/tls_traffic.h"

#if MBEDTLS_VERSION_NUMBER < 0x03000000 && defined(MBEDTLS_SSL_EXPORT_KEYS)
#define CULVERT_TLS_HANDS_OVER 1
#else
#define CULVERT_TLS_HANDS_OVER 0
#endif

namespace culvert::carrier::tls {

// Makes the library call export_keys() with the keys of the handshake that `setup.exporting`
// points to: one configuration serves many handshakes.
void export_keys_of(Setup& setup);

// After mbedtls_ssl_handshake() has succeeded. The library reads no octet beyond the record it
// asked for, so what follows the peer's Finished is still the caller's.
std::optional<TlsTraffic::Start> hand_over(const Context& connection, TlsTraffic::Role role,
                                           const ExportedKeys& keys);

}  // namespace culvert::carrier::tls
