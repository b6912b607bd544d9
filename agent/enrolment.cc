#include "agent/enrolment.h"

#include <cstring>

#include "agent/own_endpoint.h"

namespace culvert::agent {

Enrolment::Enrolment(loop::Loop& loop, const carrier::Means& means, control::Invitation invitation,
                     WayOptions ways, Listener& listener)
    : loop_(loop),
      means_(means),
      invitation_(std::move(invitation)),
      options_(std::move(ways)),
      listener_(listener),
      key_(crypto::KeyPair::generate(means.random)),
      service_key_(std::span<const std::byte, 32>{invitation_.service_key}),
      dns_(loop),
      timer_(loop, *this) {
  means_.service_key = service_key_;
}

void Enrolment::start() {
  lookup_.emplace(loop_, dns_, options_, static_cast<WayLookup::Listener&>(*this));
}

void Enrolment::on_ways_looked_up(WayLookup&, Result<WayAddresses> addresses) {
  if (!addresses) return finish(fail(addresses.error()));
  ways_ = plan_ways(options_, *addresses);
  next_attempt();
  lookup_.reset();  // last: it is the caller
}

void Enrolment::next_attempt() {
  pipe_.reset();
  dial_.reset();
  if (tried_ == ways_.size())
    return finish(fail(ErrorCode::kNetworkUnreachable,
                       "the service at " + options_.service.to_string() +
                           " was not reached: " + failures_ +
                           "; check the network and the address, then try again: the invitation "
                           "has not been used"));
  dial_.emplace(loop_, ways_[tried_++], means_, kDialLimit,
                static_cast<carrier::CarrierDial::Listener&>(*this));
}

void Enrolment::attempt_failed(const Error& why) {
  const auto title = to_string(ways_[tried_ - 1]);
  failures_ += failures_.empty() ? "" : "; ";
  failures_ += why.detail.starts_with(title) ? why.detail : title + ": " + why.detail;
  timer_.start(Duration::zero());  // the pipe or the dial is our caller: go on from the loop
  if (pipe_ != nullptr) pipe_->set_listener(nullptr);
  handshake_.reset();
}

void Enrolment::on_timer(loop::Timer&) {
  if (handshake_) return attempt_failed({ErrorCode::kTimedOut, "no answer in time"});
  next_attempt();
}

void Enrolment::on_carrier(carrier::CarrierDial&, std::unique_ptr<loop::BytePipe> pipe,
                           const Error& why) {
  if (pipe == nullptr) return attempt_failed(why);
  pipe_ = std::move(pipe);
  greet();
}

void Enrolment::greet() {
  control::Hello hello;
  hello.purpose = control::Purpose::kEnrol;
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  hello.name = invitation_.name;
  hello.secret = invitation_.secret;
  means_.random.fill(hello.session);
  handshake_.emplace(key_, service_key_, means_.random);
  const auto packet = handshake_->start(hello, {});
  if (!packet) return attempt_failed(packet.error());
  output_ = {};
  input_ = {};
  output_.append(*packet);
  pipe_->set_listener(this);
  pipe_->set_interest(/*readable=*/true, /*writable=*/true);
  timer_.start(kDialLimit);
}

void Enrolment::on_writable() {
  const auto put = pipe_->write(output_.peek());
  using State = loop::IoResult::State;
  if (put.state == State::kFailed) return on_broken(put.error);
  if (put.state == State::kMoved) output_.pop(put.count);
  pipe_->set_interest(true, !output_.empty());
}

void Enrolment::on_readable() {
  std::byte buffer[16 * 1024];
  const auto got = pipe_->read(buffer);
  using State = loop::IoResult::State;
  if (got.state == State::kEnd)
    return attempt_failed({ErrorCode::kClosed,
                           "the connection was closed without an answer: is "
                           "this the service of the invitation?"});
  if (got.state == State::kFailed) return on_broken(got.error);
  append(input_, Bytes{buffer}.first(got.count));
  read_answer();
}

void Enrolment::on_broken(int error) {
  if (const auto* known = pipe_->failure()) return attempt_failed(Error{*known});
  attempt_failed({from_errno(error), std::strerror(error)});
}

void Enrolment::read_answer() {
  std::size_t taken = 0;
  const auto outcome = handshake_->receive(input_, taken);
  if (!outcome) return attempt_failed(outcome.error());
  if (!*outcome) return;
  timer_.stop();
  pipe_->set_interest(false, false);
  const auto& answer = (*outcome)->answer;
  if (answer.refusal != ErrorCode::kNone)
    return finish(fail(answer.refusal, "the service refused the invitation: " + answer.reason +
                                           "; ask for a new one (culvert-service invite " +
                                           invitation_.name + ")"));
  finish(make_identity(answer));
}

Result<Identity> Enrolment::make_identity(const control::HelloAnswer& answer) const {
  if (answer.signing_key.size() != crypto::SignaturePublicKey::kSize)
    return fail(ErrorCode::kProtocol, "the service's answer lacks its signing key");
  Identity identity;
  identity.key = key_;
  identity.name = invitation_.name;
  identity.domain = answer.domain;
  identity.service = options_.service;
  identity.service_key = service_key_;
  identity.signing_key =
      crypto::SignaturePublicKey{std::span<const std::byte, 32>{answer.signing_key.data(), 32}};
  identity.certificate = answer.certificate;
  CULVERT_RETURN_IF_ERROR(check_identity(identity, loop::Loop::wall_clock()));
  // What is written has to be readable again: the domain came from the network.
  return decode_identity(encode(identity));
}

void Enrolment::finish(Result<Identity> outcome) {
  timer_.stop();
  listener_.on_enrolled(*this, std::move(outcome));
}

}  // namespace culvert::agent
