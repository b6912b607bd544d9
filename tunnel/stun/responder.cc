#include "tunnel/stun/responder.h"

#include <algorithm>

namespace culvert::stun {
namespace {

constexpr std::uint16_t kBadRequest = 400, kUnknownAttribute = 420;
constexpr std::uint16_t kChangeRequest = 0x0003, kResponsePort = 0x0027;

// What one person gets: an IPv4 address or an IPv6 /64.
IpAddress payer_of(const IpAddress& address) {
  if (address.is_v4()) return address;
  auto octets = address.octets();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return IpAddress::v6(octets);
}

Response refusal(const Request& request, std::uint16_t error,
                 std::vector<std::uint16_t> unknown = {}) {
  Response response;
  response.id = request.id;
  response.error = error;
  response.unknown = std::move(unknown);
  return response;
}

}  // namespace

// The second address of the same family, the second port.
std::optional<Door> Responder::other(Door door, bool change_ip, bool change_port) const {
  const auto& addresses = servers_.addresses;
  if (change_ip) {
    const auto here = door.address;
    for (door.address = 0; door.address < addresses.size(); ++door.address)
      if (door.address != here && addresses[door.address].is_v4() == addresses[here].is_v4()) break;
    if (door.address == addresses.size()) return std::nullopt;
  }
  if (change_port) {
    if (servers_.ports.size() < 2) return std::nullopt;
    door.port = 1 - door.port;
  }
  return door;
}

Response Responder::respond(const Request& request, const SocketAddress& from, Door origin,
                            TimePoint now) const {
  Response response;
  response.id = request.id;
  response.mapped = from;
  response.response_origin = servers_.at(origin);
  if (request.wants_proof && proofs_ != nullptr) response.proof = proofs_->make(from.ip, now);
  return response;
}

std::optional<Responder::Answer> Responder::answer_datagram(Bytes datagram,
                                                            const SocketAddress& from, Door at,
                                                            TimePoint now) {
  const auto request = decode_request(datagram);
  if (!request) return std::nullopt;
  Answer answer{at, from, {}};
  const auto from_there = other(at, request->change_ip, request->change_port);
  Response response;
  if (!request->unknown.empty()) {
    response = refusal(*request, kUnknownAttribute, request->unknown);
  } else if (!from_there) {
    response = refusal(*request, kUnknownAttribute, {kChangeRequest});
  } else if (request->response_port && *request->response_port < kLeastPort) {
    response = refusal(*request, kBadRequest);
  } else {
    answer.from = *from_there;
    if (request->response_port) answer.to.port = *request->response_port;
    response = respond(*request, from, answer.from, now);
    if (const auto both = other(at, true, true)) response.other_address = servers_.at(*both);
  }
  answer.message = encode(response);
  const auto size = answer.message.size();
  if (size > datagram.size() && !pay(payer_of(from.ip), size - datagram.size(), now))
    return std::nullopt;
  return answer;
}

std::optional<ByteVector> Responder::answer_stream(Bytes message, const SocketAddress& from,
                                                   Door at, TimePoint now) const {
  const auto request = decode_request(message);
  if (!request) return std::nullopt;
  auto unknown = request->unknown;
  // Of a stream nothing can come from elsewhere, or go there (RFC 5780 section 7).
  if (request->change_ip || request->change_port) unknown.push_back(kChangeRequest);
  if (request->response_port) unknown.push_back(kResponsePort);
  if (!unknown.empty()) return encode(refusal(*request, kUnknownAttribute, std::move(unknown)));
  return encode(respond(*request, from, at, now));
}

bool Responder::pay(const IpAddress& to, std::size_t octets, TimePoint now) {
  if (allowances_.size() >= kMostAddresses && !allowances_.contains(to)) {
    constexpr auto kFull = std::chrono::seconds{kBurst / kRefill};
    if (now - swept_at_ < kFull / 4) return false;  // each datagram of a flood would sweep
    swept_at_ = now;
    std::erase_if(allowances_, [&](const auto& one) { return now - one.second.at >= kFull; });
    if (allowances_.size() >= kMostAddresses) return false;
  }
  auto& allowance = allowances_.try_emplace(to, Allowance{kBurst, now}).first->second;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - allowance.at);
  const auto refill = static_cast<std::size_t>(since.count()) * kRefill / 1000;
  if (refill > 0) {
    allowance.octets = std::min(kBurst, allowance.octets + refill);
    allowance.at = now;
  }
  if (octets > allowance.octets) return false;
  allowance.octets -= octets;
  return true;
}

}  // namespace culvert::stun
