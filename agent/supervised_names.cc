#include "agent/supervised_names.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include <cstring>
#include <sstream>

#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kNamePort = 53;
constexpr std::size_t kMostText = 65'536;

// By a raw system call: the shim in this process would show its own view of the file.
std::string resolver_file() {
  const UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/etc/resolv.conf", O_RDONLY | O_CLOEXEC)));
  std::string text(kMostText, '\0');
  const auto size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

bool is_in_resolver_file(const IpAddress& ip) {
  std::istringstream file(resolver_file());
  for (std::string line, word, server; std::getline(file, line);) {
    std::istringstream words(line);
    if (!(words >> word >> server) || word != "nameserver") continue;
    const auto address = IpAddress::parse(server.substr(0, server.find('%')));
    if (address && address->canonical() == ip) return true;
  }
  return false;
}

}  // namespace

SocketAddress ProgramAddress::value() const {
  auto value = SocketAddress::from(reinterpret_cast<const sockaddr*>(&storage));
  value.ip = value.ip.canonical();
  return value;
}

bool ProgramAddress::is_internet() const {
  return (storage.ss_family == AF_INET && length >= sizeof(sockaddr_in)) ||
         (storage.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6));
}

ProgramAddress as_family(const SocketAddress& address, int family) {
  ProgramAddress made;
  auto to = address;
  if (family == AF_INET6 && to.ip.is_v4()) {
    std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(&mapped[12], to.ip.octets().data(), 4);
    to.ip = IpAddress::v6(mapped);
  }
  made.length = to.fill(made.storage);
  return made;
}

bool SupervisedNames::is_name_server(const SocketAddress& to) const {
  if (!agents_ || to.port != kNamePort) return false;
  return to.ip == agents_->ip || is_in_resolver_file(to.ip);
}

}  // namespace culvert::agent
