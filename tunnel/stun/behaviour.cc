#include "tunnel/stun/behaviour.h"

namespace culvert::stun {

std::string_view to_string(Dependence dependence) {
  switch (dependence) {
    case Dependence::kUnknown: return "unknown";
    case Dependence::kEndpointIndependent: return "endpoint-independent";
    case Dependence::kAddressDependent: return "address-dependent";
    case Dependence::kAddressAndPortDependent: return "address-and-port-dependent";
  }
  return "unknown";
}

std::optional<BehaviourTest::Datagram> BehaviourTest::next(TimePoint now) {
  if (done() || (due_ && now < *due_)) return std::nullopt;
  if (tries_ == kTries) {
    silent(now);
    return next(now);
  }
  if (tries_++ == 0) {
    std::array<std::byte, 12> random;
    random_.fill(random);
    id_ = make_transaction_id(random);
  }
  due_ = now + kWait;
  Request request;
  request.id = id_;
  request.change_ip = step_ == Step::kFilterAll;
  request.change_port = step_ == Step::kFilterAll || step_ == Step::kFilterPort;
  auto to = server_;
  if (step_ == Step::kOtherAddress) to.ip = other_->ip;
  if (step_ == Step::kOtherBoth) to = *other_;
  return Datagram{to, encode(request, kRequestSize)};
}

std::optional<TimePoint> BehaviourTest::next_deadline() const {
  if (done()) return std::nullopt;
  return due_.value_or(TimePoint::min());
}

void BehaviourTest::receive(Bytes message, const SocketAddress& from, TimePoint now) {
  const auto response = decode_response(message);
  if (done() || !response || response->id != id_) return;
  // From where it should come, or the test says nothing.
  const auto here = step_ == Step::kOtherAddress ? SocketAddress{other_->ip, server_.port}
                    : step_ == Step::kOtherBoth || step_ == Step::kFilterAll ? *other_
                                                                             : server_;
  const bool expected = step_ == Step::kFilterPort
                            ? from.ip == server_.ip && from.port != server_.port
                            : from == here;
  if (expected || response->error != 0) answered(*response, now);
}

void BehaviourTest::enter(Step step, TimePoint now) {
  step_ = step;
  tries_ = 0;
  due_ = now;
}

void BehaviourTest::answered(const Response& response, TimePoint now) {
  if (response.error != 0) return silent(now);  // it has no other address or port
  switch (step_) {
    case Step::kMapped:
      if (!response.mapped) return silent(now);
      result_.udp = true;
      result_.mapped = response.mapped;
      other_ = response.other_address;
      return enter(other_ ? Step::kFilterAll : Step::kDone, now);
    case Step::kFilterAll:
      result_.filtering = Dependence::kEndpointIndependent;
      return enter(Step::kOtherAddress, now);
    case Step::kFilterPort:
      result_.filtering = Dependence::kAddressDependent;
      return enter(Step::kOtherAddress, now);
    case Step::kOtherAddress:
      mapped_at_other_ = response.mapped;
      if (response.mapped == result_.mapped) {
        result_.mapping = Dependence::kEndpointIndependent;
        return enter(Step::kDone, now);
      }
      return enter(Step::kOtherBoth, now);
    case Step::kOtherBoth:
      result_.mapping = response.mapped == mapped_at_other_ ? Dependence::kAddressDependent
                                                            : Dependence::kAddressAndPortDependent;
      return enter(Step::kDone, now);
    case Step::kDone: return;
  }
}

void BehaviourTest::silent(TimePoint now) {
  switch (step_) {
    case Step::kFilterAll: return enter(Step::kFilterPort, now);
    case Step::kFilterPort:
      result_.filtering = Dependence::kAddressAndPortDependent;
      return enter(Step::kOtherAddress, now);
    case Step::kMapped:
    case Step::kOtherAddress:
    case Step::kOtherBoth:
    case Step::kDone: return enter(Step::kDone, now);
  }
}

}  // namespace culvert::stun
