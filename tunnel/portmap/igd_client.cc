#include "tunnel/portmap/igd_client.h"

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tunnel/base/text.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/portmap/ssdp.h"

namespace culvert::portmap {
namespace {

constexpr std::size_t kMostDescription = 64 * 1024;
constexpr timeval kPatience{2, 0};
constexpr int kPortsToTry = 5, kMostEntries = 64;
// UPnP WANIPConnection:1 sections 2.4.16 and 2.5.16.
constexpr int kConflict = 718, kConflictWithOther = 729, kSamePortsOnly = 724,
              kOnlyPermanentLeases = 725;

tl::unexpected<Error> refused(const std::string& what, int code) {
  const char* const text = ::strupnperror(code);
  return fail(ErrorCode::kRefused, what + ": error " + std::to_string(code) +
                                       (text == nullptr ? "" : std::string(", ") + text));
}

tl::unexpected<Error> no_description(const std::string& why) {
  return fail(ErrorCode::kProtocol, "its description cannot be had: " + why);
}

Result<std::string> fetch(const GatewayUrl& url, const IpAddress& gateway) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  sockaddr_storage to{};
  const SocketAddress at{gateway, url.port};
  const auto size = at.fill(to);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), size) != 0)
    return no_description(at.to_string() + ": " + std::strerror(errno));
  // Version 1.0: whoever answers with chunks has not understood it.
  const auto request =
      "GET " + url.path + " HTTP/1.0\r\nHost: " + at.to_string() + "\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
    return no_description(std::strerror(errno));
  std::string answer;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got == 0) break;
    if (got < 0) return no_description(std::strerror(errno));
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.size() > kMostDescription) return no_description("it is too long");
  }
  const auto head = answer.find("\r\n\r\n");
  if (head == std::string::npos || answer.substr(0, 7) != "HTTP/1." ||
      answer.substr(8, 5) != " 200 ")
    return no_description("there is no document");
  return answer.substr(head + 4);
}

class Device {
 public:
  Device(const std::string& description, const IgdTask& task) : task_(task) {
    ::parserootdesc(description.data(), static_cast<int>(description.size()), &data_);
    // What has both a WANIPConnection and a WANPPPConnection uses one of them.
    for (const auto& service : {data_.first, data_.second}) {
      data_.first = service;
      ::FreeUPNPUrls(&urls_);
      urls_ = {};
      if (service.controlurl[0] == '\0') continue;
      ::GetUPNPUrls(&urls_, &data_, task.url.c_str(), 0);
      if (urls_.controlURL != nullptr &&
          parse_gateway_url(urls_.controlURL, task.network.gateway) && find_external())
        return;
    }
    usable_ = false;
  }
  ~Device() { ::FreeUPNPUrls(&urls_); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  bool usable() const { return usable_; }
  const IpAddress& external() const { return external_; }
  int map(std::uint16_t external, std::uint32_t lifetime) {
    return ::UPNP_AddPortMapping(urls_.controlURL, type(), std::to_string(external).c_str(),
                                 std::to_string(task_.port.number).c_str(),
                                 task_.network.own.to_string().c_str(), "Culvert", protocol(),
                                 nullptr, std::to_string(lifetime).c_str());
  }
  int unmap(std::uint16_t external) {
    return ::UPNP_DeletePortMapping(urls_.controlURL, type(), std::to_string(external).c_str(),
                                    protocol(), nullptr);
  }
  // Mapped to this very port already, by a process before: not every device replaces that.
  bool is_ours(std::uint16_t external) {
    std::array<char, 40> client{};
    std::array<char, 6> port{};
    std::array<char, 80> description{};
    std::array<char, 4> enabled{};
    std::array<char, 16> lease{};
    return ::UPNP_GetSpecificPortMappingEntry(
               urls_.controlURL, type(), std::to_string(external).c_str(), protocol(), nullptr,
               client.data(), port.data(), description.data(), enabled.data(), lease.data()) == 0 &&
           client.data() == task_.network.own.to_string() &&
           port.data() == std::to_string(task_.port.number);
  }
  // ... under another number, as this one was another machine's then. 0: not so.
  std::uint16_t mapped_before() {
    for (int i = 0; i < kMostEntries; ++i) {
      std::array<char, 6> external{}, port{};
      std::array<char, 40> client{};
      std::array<char, 4> which{}, enabled{};
      std::array<char, 80> description{};
      std::array<char, 64> remote{};
      std::array<char, 16> lease{};
      std::uint16_t number = 0;
      if (::UPNP_GetGenericPortMappingEntry(urls_.controlURL, type(), std::to_string(i).c_str(),
                                            external.data(), client.data(), port.data(),
                                            which.data(), description.data(), enabled.data(),
                                            remote.data(), lease.data()) != 0)
        break;
      if (std::string_view(which.data()) == protocol() &&
          client.data() == task_.network.own.to_string() &&
          port.data() == std::to_string(task_.port.number) &&
          parse_number(std::string_view(external.data()), number))
        return number;
    }
    return 0;
  }

 private:
  const char* type() const { return &data_.first.servicetype[0]; }
  const char* protocol() const { return task_.port.protocol == Protocol::kTcp ? "TCP" : "UDP"; }
  bool find_external() {
    std::array<char, 64> text{};
    if (::UPNP_GetExternalIPAddress(urls_.controlURL, type(), text.data()) != 0) return false;
    const auto address = IpAddress::parse(text.data());
    if (!address || !address->is_v4() || *address == IpAddress{}) return false;
    external_ = *address;
    return true;
  }

  const IgdTask& task_;
  IGDdatas data_{};
  UPNPUrls urls_{};
  IpAddress external_;
  bool usable_ = true;
};

std::uint16_t other_port() {
  std::uint16_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = 0x5a5a;
  return static_cast<std::uint16_t>(value | 0x8000);
}

}  // namespace

Result<IgdAnswer> do_igd_task(const IgdTask& task) {
  const auto url = parse_gateway_url(task.url, task.network.gateway);
  if (!url) return fail(url.error());
  const auto description = fetch(*url, task.network.gateway);
  if (!description) return fail(description.error());
  Device device(*description, task);
  if (!device.usable())
    return fail(ErrorCode::kRefused, "it has no connection to the outside that could be asked");
  if (task.lifetime == 0) {
    if (const int code = device.unmap(task.external); code != 0)
      return refused("it does not delete the mapping", code);
    return IgdAnswer{{device.external(), task.external}, 0};
  }
  auto external = task.external;
  auto lifetime = task.lifetime;
  int code = 0;
  for (int tries = 0; tries < kPortsToTry; ++tries) {
    code = device.map(external, lifetime);
    if (code == 0) return IgdAnswer{{device.external(), external}, lifetime};
    if (code == kOnlyPermanentLeases && lifetime != 0) {
      lifetime = 0;
    } else if (code == kConflict || code == kConflictWithOther) {
      const bool again = device.is_ours(external) && device.unmap(external) == 0;
      if (again) continue;
      const auto before = device.mapped_before();
      external = before != 0 && before != external ? before : other_port();
    } else {
      break;
    }
  }
  if (code == kSamePortsOnly) return refused("it maps no port to another one", code);
  return refused("it refuses", code);
}

}  // namespace culvert::portmap
