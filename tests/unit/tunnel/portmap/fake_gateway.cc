#include "fake_gateway.h"

#include <algorithm>

#include "tunnel/base/byte_codec.h"

namespace culvert::portmap {
namespace {

constexpr std::chrono::milliseconds kOneWay{1}, kIgdTime{30};

}  // namespace

std::uint32_t FakeGateway::epoch() const {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now - booted_).count());
}

void FakeGateway::restart() {
  mapped.clear();
  booted_ = now;
}

void FakeGateway::announce(Method method) {
  ByteVector octets;
  Writer out(octets);
  out.u8(method == Method::kPcp ? 2 : 0);
  out.u8(0x80);
  out.u16(0);
  if (method == Method::kPcp) out.u32(0);
  out.u32(epoch());
  if (method == Method::kPcp)
    out.bytes(ByteVector(12));
  else
    out.u32(external.v4_value());
  answer(octets, kServerPort);
}

std::uint16_t FakeGateway::map(const Port& port, std::uint16_t suggested, std::uint32_t seconds) {
  const auto key = std::pair{port.protocol, port.number};
  if (seconds == 0) {
    mapped.erase(key);
    return 0;
  }
  const auto fresh = static_cast<std::uint16_t>(
      first_port == 0 ? suggested : first_port + static_cast<int>(mapped.size()));
  return mapped.try_emplace(key, fresh).first->second;
}

ByteVector FakeGateway::answer_pcp(Bytes request) {
  ByteVector octets(request.begin(), request.end());
  octets[1] |= std::byte{0x80};
  octets[3] = std::byte{pcp_result};
  store_be<std::uint32_t>(&octets[8], epoch());
  std::fill_n(octets.begin() + 12, 12, std::byte{0});
  if (octets.size() < 60) {
    octets[3] = std::byte{0};
    return octets;
  }
  Reader in(request.subspan(36));
  const auto protocol = static_cast<Protocol>(in.u8());
  in.take(3);
  const Port port{protocol, in.u16()};
  const auto suggested = in.u16();
  const auto seconds = load_be<std::uint32_t>(&request[4]);
  if (pcp_result != 0) return octets;
  store_be<std::uint16_t>(&octets[42], map(port, suggested, seconds));
  store_be<std::uint32_t>(&octets[4], seconds == 0 ? 0 : lifetime);
  if (network.own.is_v4())
    store_be<std::uint32_t>(&octets[56], external.v4_value());
  else  // a firewall
    std::ranges::copy(network.own.wire(), octets.begin() + 44);
  return octets;
}

ByteVector FakeGateway::answer_nat_pmp(Bytes request) {
  Reader in(request);
  in.u8();
  const auto opcode = in.u8();
  ByteVector octets;
  Writer out(octets);
  out.u8(0);
  out.u8(static_cast<std::uint8_t>(0x80 + opcode));
  out.u16(0);
  out.u32(epoch());
  if (opcode == 0) {
    out.u32(external.v4_value());
    return octets;
  }
  in.u16();
  const Port port{opcode == 2 ? Protocol::kTcp : Protocol::kUdp, in.u16()};
  const auto suggested = in.u16();
  const auto seconds = in.u32();
  out.u16(port.number);
  out.u16(map(port, suggested, seconds));
  out.u32(seconds == 0 ? 0 : lifetime);
  return octets;
}

void FakeGateway::answer(ByteVector octets, std::uint16_t from_port) {
  if (!lost()) flights_.push_back({now + kOneWay, std::move(octets), {network.gateway, from_port}});
}

void FakeGateway::take(const Mapper::Datagram& datagram) {
  ++asked;
  const auto& octets = datagram.octets;
  if (datagram.to.port == kServerPort && octets[0] == std::byte{2} && octets.size() == 60)
    last_pcp_map = octets;
  if (datagram.to.port == kServerPort && octets.size() > 2 && octets[1] != std::byte{0})
    ++map_requests;
  const bool to_group = datagram.to.ip == kSsdpGroup;
  if (!(to_group || datagram.to.ip == network.gateway) || lost()) return;
  const bool heard = to_group || !hears_group_alone;
  if (datagram.to.port == kSsdpPort && speaks.contains(Method::kUpnp) && heard) {
    const auto text = as_bytes(
        "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
        "LOCATION: http://10.1.0.1:5000/rootDesc.xml\r\n\r\n");
    answer({text.begin(), text.end()}, 1900);
  }
  if (datagram.to.port != kServerPort) return;
  if (octets[0] == std::byte{2} && speaks.contains(Method::kPcp))
    answer(answer_pcp(octets), kServerPort);
  if (octets[0] == std::byte{0} && speaks.contains(Method::kNatPmp))
    answer(answer_nat_pmp(octets), kServerPort);
}

void FakeGateway::do_task(const IgdTask& task) {
  if (igd_refuses) return mapper.igd_answered(fail(ErrorCode::kRefused, "error 606"), now);
  const auto port = map(task.port, task.external, task.lifetime);
  mapper.igd_answered(IgdAnswer{{external, task.lifetime == 0 ? task.external : port},
                                igd_permanent ? 0 : lifetime},
                      now);
}

void FakeGateway::run_for(Duration time) {
  const auto end = now + time;
  while (true) {
    mapper.tick(now);
    while (auto datagram = mapper.take_datagram()) take(*datagram);
    if (!task_)
      if (auto task = mapper.take_task(now)) task_ = {now + kIgdTime, *task};
    auto next = end;
    if (const auto due = mapper.next_deadline()) next = std::min(next, std::max(*due, now));
    for (const auto& flight : flights_) next = std::min(next, flight.at);
    if (task_) next = std::min(next, task_->first);
    if (next >= end) break;
    if (next == now && flights_.empty() && !task_) next += std::chrono::milliseconds{1};
    now = std::max(now, next);
    auto landed = std::exchange(flights_, {});
    for (auto& flight : landed) {
      if (flight.at > now)
        flights_.push_back(std::move(flight));
      else
        mapper.receive(flight.octets, flight.from, now);
    }
    if (task_ && task_->first <= now) do_task(std::exchange(task_, std::nullopt)->second);
  }
  now = end;
}

std::optional<Mapping> FakeGateway::mapping(const Port& port) const {
  for (const auto& one : mapper.report())
    if (one.port == port) return one.mapping;
  return std::nullopt;
}

std::string FakeGateway::why(const Port& port) const {
  for (const auto& one : mapper.report())
    if (one.port == port) return one.why;
  return "not wanted";
}

}  // namespace culvert::portmap
