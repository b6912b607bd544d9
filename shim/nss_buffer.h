// shim/nss_buffer.h: lays a host's name and addresses out in the buffer that libc's caller gave,
// as the Name Service Switch wants it: pointers aligned, nothing outside, false if it is too small
// (the caller then says ERANGE and libc comes again with twice as much).
#pragma once
#include <netdb.h>
#include <nss.h>
#include <stddef.h>
#include <stdint.h>

namespace culvert::shim {

struct HostAddress {
  int family;          // AF_INET or AF_INET6
  uint8_t octets[16];  // network order
};

class NssBuffer {
 public:
  NssBuffer(char* start, size_t size) : next_(start), left_(size) {}

  bool put_host(const char* name, const HostAddress& address, hostent& host);
  // `*tuple` is libc's own if it is not null.
  bool put_tuple(const char* name, const HostAddress& address, gaih_addrtuple** tuple);

 private:
  void* take(size_t size, size_t alignment);
  char* copy(const void* data, size_t size, size_t alignment);

  char* next_;
  size_t left_;
};

}  // namespace culvert::shim
