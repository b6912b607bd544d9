#include "shim/nss_buffer.h"

#include <string.h>
#include <sys/socket.h>

namespace culvert::shim {
namespace {

constexpr size_t size_of(int family) { return family == AF_INET ? 4 : 16; }

}  // namespace

void* NssBuffer::take(size_t size, size_t alignment) {
  const size_t misplaced = reinterpret_cast<uintptr_t>(next_) % alignment;
  const size_t skip = misplaced == 0 ? 0 : alignment - misplaced;
  if (left_ < skip || left_ - skip < size) return nullptr;
  void* taken = next_ + skip;
  next_ += skip + size;
  left_ -= skip + size;
  return taken;
}

char* NssBuffer::copy(const void* data, size_t size, size_t alignment) {
  void* place = take(size, alignment);
  return place == nullptr ? nullptr : static_cast<char*>(memcpy(place, data, size));
}

bool NssBuffer::put_host(const char* name, const HostAddress& address, hostent& host) {
  // No aliases; one address.
  auto** lists = static_cast<char**>(take(3 * sizeof(char*), alignof(char*)));
  if (lists == nullptr) return false;
  const size_t size = size_of(address.family);
  lists[0] = nullptr;
  lists[1] = copy(address.octets, size, alignof(uint32_t));
  lists[2] = nullptr;
  char* own_name = copy(name, strlen(name) + 1, 1);
  if (lists[1] == nullptr || own_name == nullptr) return false;
  host.h_name = own_name;
  host.h_aliases = lists;
  host.h_addrtype = address.family;
  host.h_length = static_cast<int>(size);
  host.h_addr_list = lists + 1;
  return true;
}

bool NssBuffer::put_tuple(const char* name, const HostAddress& address, gaih_addrtuple** tuple) {
  char* own_name = copy(name, strlen(name) + 1, 1);
  if (own_name == nullptr) return false;
  if (*tuple == nullptr)
    *tuple = static_cast<gaih_addrtuple*>(take(sizeof **tuple, alignof(gaih_addrtuple)));
  if (*tuple == nullptr) return false;
  gaih_addrtuple& to = **tuple;
  to.next = nullptr;
  to.name = own_name;
  to.family = address.family;
  memset(to.addr, 0, sizeof to.addr);
  memcpy(to.addr, address.octets, size_of(address.family));
  to.scopeid = 0;
  return true;
}

}  // namespace culvert::shim
