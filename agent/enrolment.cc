#include "agent/enrolment.h"

#include <algorithm>

#include "tunnel/crypto/name_certificate.h"

namespace culvert::agent {

Enrolment::Enrolment(loop::Loop& loop, const carrier::Means& means, control::Invitation invitation,
                     WayOptions ways, ProxySources sources, Listener& listener)
    : loop_(loop),
      means_(means),
      invitation_(std::move(invitation)),
      service_(ways.service),
      listener_(listener),
      key_(crypto::KeyPair::generate(means.random)),
      service_key_(std::span<const std::byte, 32>{invitation_.service_key}),
      picker_({}, /*first_is_remembered=*/false, loop.now()),
      timer_(loop, *this),
      search_(loop, means.random, std::move(ways), std::move(sources),
              static_cast<WaySearch::Listener&>(*this)) {
  means_.service_key = service_key_;
}

void Enrolment::on_ways_found(std::vector<carrier::Way> ways) {
  for (auto& way : ways) {
    way.notes = std::make_shared<carrier::WayNotes>();
    picker_.add(std::move(way));
  }
  timer_.start(Duration::zero());
}

// What ended is destroyed outside its own calls.
void Enrolment::on_timer(loop::Timer&) {
  ended_.clear();
  go_on();
}

void Enrolment::go_on() {
  if (finished_) return;
  const EnrolmentAttempt::Who who{key_, service_key_, invitation_};
  while (const auto next = refusal_ ? std::nullopt : picker_.next_start(loop_.now()))
    running_.push_back(
        std::make_unique<EnrolmentAttempt>(loop_, means_, who, picker_.way(*next), *next,
                                           static_cast<EnrolmentAttempt::Listener&>(*this)));
  if (refusal_ && running_.empty()) return finish(fail(*refusal_));
  if (picker_.exhausted() && search_.ended()) return finish(fail(unreached()));
  if (const auto deadline = refusal_ ? std::nullopt : picker_.next_deadline())
    timer_.start(std::max(*deadline - loop_.now(), Duration::zero()));
}

void Enrolment::on_enrolment_answered(EnrolmentAttempt& attempt,
                                      const control::HelloAnswer& answer) {
  if (answer.refusal == ErrorCode::kNone) {
    way_ = to_string(picker_.way(attempt.number()));
    return finish(make_identity(answer));
  }
  refusal_ = Error{answer.refusal, "the service refused the invitation: " + answer.reason +
                                       (answer.refusal == ErrorCode::kTryAgain
                                            ? "; try again later: the invitation has not been used"
                                            : "; ask for a new one (culvert-service invite " +
                                                  invitation_.name + ")")};
  ended(attempt, {answer.refusal, answer.reason});
}

void Enrolment::on_enrolment_attempt_failed(EnrolmentAttempt& attempt, const Error& why) {
  ended(attempt, why);
}

void Enrolment::ended(EnrolmentAttempt& attempt, Error why) {
  if (finished_) return;
  picker_.failed(attempt.number(), std::move(why), loop_.now());
  ended_.splice(ended_.end(), running_,
                std::ranges::find_if(running_, [&](const auto& one) { return &*one == &attempt; }));
  search_.hurry();
  timer_.start(Duration::zero());
}

Error Enrolment::unreached() const {
  std::string why = search_.name_failure();
  if (why.empty() || picker_.count() != 0) why += (why.empty() ? "" : "; ") + picker_.why();
  const auto portal = search_.captive_portal();
  return {ErrorCode::kNetworkUnreachable,
          "the service at " + service_.to_string() + " was not reached: " + why +
              (portal.empty() ? "; check the network and the address"
                              : "; this network has a portal: open " + portal + " in a browser") +
              ", then try again: the invitation has not been used"};
}

Result<Identity> Enrolment::make_identity(const control::HelloAnswer& answer) const {
  if (answer.signing_key.size() != crypto::SignaturePublicKey::kSize)
    return fail(ErrorCode::kProtocol, "the service's answer lacks its signing key");
  Identity identity;
  identity.key = key_;
  identity.name = invitation_.name;
  identity.domain = answer.domain;
  identity.service = service_;
  identity.service_key = service_key_;
  identity.signing_key =
      crypto::SignaturePublicKey{std::span<const std::byte, 32>{answer.signing_key.data(), 32}};
  identity.certificate = answer.certificate;
  // At a time when it is good: the invitation is used up by now, and a wrong clock can be set
  // right.
  const auto certificate = crypto::NameCertificate::decode_unverified(identity.certificate);
  if (!certificate) return fail(certificate.error());
  CULVERT_RETURN_IF_ERROR(check_identity(identity, certificate->not_before));
  // What is written has to be readable again: the domain came from the network.
  return decode_identity(encode(identity));
}

void Enrolment::finish(Result<Identity> outcome) {
  timer_.stop();
  finished_ = true;
  listener_.on_enrolled(*this, std::move(outcome));
}

}  // namespace culvert::agent
