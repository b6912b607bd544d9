// shim/nss.cc: the shim as a Name Service Switch module (glibc manual, "NSS Modules Interface"),
// found by libc under our SONAME. So getaddrinfo, gethostbyname*, getnameinfo and whatever libc
// builds on them follow libc's own rules for hints, flags and EAI codes, and none is interposed.
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/export.h"
#include "shim/name_question.h"
#include "shim/nss_buffer.h"

namespace culvert::shim {
namespace {

// `error` is the caller's errno: left alone on success and, as by libc's own DNS module, where
// there is no such name. Besides *host_error the thread's h_errno is set, as that module does and
// some callers of gethostbyaddr_r() (python) rely on.
nss_status end(const NameAnswer& answer, bool fits, int* error, int* host_error) {
  if (answer.status == NSS_STATUS_SUCCESS && fits) {
    *host_error = NETDB_SUCCESS;
    return NSS_STATUS_SUCCESS;
  }
  if (!fits || answer.status != NSS_STATUS_NOTFOUND) *error = fits ? answer.error : ERANGE;
  *host_error = fits ? answer.host_error : NETDB_INTERNAL;
  h_errno = *host_error;
  return fits ? answer.status : NSS_STATUS_TRYAGAIN;
}

nss_status put_host(const NameAnswer& answer, hostent* host, char* buffer, size_t size, int* error,
                    int* host_error) {
  const bool found = answer.status == NSS_STATUS_SUCCESS;
  const bool fits = !found || NssBuffer(buffer, size).put_host(answer.name, answer.address, *host);
  return end(answer, fits, error, host_error);
}

nss_status host_by_name(const char* name, int family, hostent* host, char* buffer, size_t size,
                        int* error, int* host_error) {
  const int before = errno;
  const NameAnswer answer = ask_for_name(name, family);
  errno = before;
  return put_host(answer, host, buffer, size, error, host_error);
}

nss_status host_by_address(const void* address, socklen_t length, int family, hostent* host,
                           char* buffer, size_t size, int* error, int* host_error) {
  const int before = errno;
  HostAddress wanted = {family, {}};
  const bool is_valid = (family == AF_INET && length == 4) || (family == AF_INET6 && length == 16);
  if (is_valid) memcpy(wanted.octets, address, length);
  const NameAnswer answer = ask_for_address(wanted);
  errno = before;
  return put_host(answer, host, buffer, size, error, host_error);
}

}  // namespace
}  // namespace culvert::shim

using culvert::shim::host_by_address;
using culvert::shim::host_by_name;

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyname4_r(const char* name, gaih_addrtuple** tuple,
                                                           char* buffer, size_t size, int* error,
                                                           int* host_error, int32_t* ttl) {
  using namespace culvert::shim;
  const int before = errno;
  const NameAnswer answer = ask_for_name(name, AF_UNSPEC);
  errno = before;
  const bool found = answer.status == NSS_STATUS_SUCCESS;
  const bool fits = !found || NssBuffer(buffer, size).put_tuple(answer.name, answer.address, tuple);
  if (found && fits && ttl != nullptr) *ttl = 0;
  return end(answer, fits, error, host_error);
}

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyname3_r(const char* name, int family,
                                                           hostent* host, char* buffer, size_t size,
                                                           int* error, int* host_error,
                                                           int32_t* ttl, char** canonical) {
  const nss_status status = host_by_name(name, family, host, buffer, size, error, host_error);
  if (status != NSS_STATUS_SUCCESS) return status;
  if (ttl != nullptr) *ttl = 0;
  if (canonical != nullptr) *canonical = host->h_name;
  return status;
}

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyname2_r(const char* name, int family,
                                                           hostent* host, char* buffer, size_t size,
                                                           int* error, int* host_error) {
  return host_by_name(name, family, host, buffer, size, error, host_error);
}

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyname_r(const char* name, hostent* host,
                                                          char* buffer, size_t size, int* error,
                                                          int* host_error) {
  return host_by_name(name, AF_INET, host, buffer, size, error, host_error);
}

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyaddr2_r(const void* address, socklen_t length,
                                                           int family, hostent* host, char* buffer,
                                                           size_t size, int* error, int* host_error,
                                                           int32_t* ttl) {
  const nss_status status =
      host_by_address(address, length, family, host, buffer, size, error, host_error);
  if (status == NSS_STATUS_SUCCESS && ttl != nullptr) *ttl = 0;
  return status;
}

CULVERT_INTERPOSE nss_status _nss_culvert_gethostbyaddr_r(const void* address, socklen_t length,
                                                          int family, hostent* host, char* buffer,
                                                          size_t size, int* error,
                                                          int* host_error) {
  return host_by_address(address, length, family, host, buffer, size, error, host_error);
}
