#include "service/reception.h"

#include "resolver/virtual_name.h"
#include "tunnel/base/log.h"
#include "tunnel/crypto/aead.h"

namespace culvert::service {
namespace {

const char* to_text(control::Purpose purpose) {
  switch (purpose) {
    case control::Purpose::kSession: return "session";
    case control::Purpose::kEnrol: return "enrolment";
    case control::Purpose::kCircuitCall: return "circuit-call";
    case control::Purpose::kCircuitAnswer: return "circuit-answer";
  }
  return "unknown";
}

Result<std::uint8_t> choose_aead(const std::vector<std::uint8_t>& offered) {
  for (const auto value : offered)
    if (crypto::is_supported(static_cast<crypto::AeadAlgorithm>(value))) return value;
  return fail(ErrorCode::kProtocol,
              "the endpoint offers no cipher that this service has; use "
              "versions of Culvert that belong together");
}

}  // namespace

void Reception::on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) {
  auto& one = cases_[&visitor];
  one.visitor = &visitor;
  one.caller = greeting.caller;
  one.hello = std::move(greeting.hello);
  one.early_frames = std::move(greeting.early_frames);
  const auto now = loop::Loop::wall_clock();
  if (one.hello.purpose == control::Purpose::kEnrol) {
    one.enrolment = std::make_unique<Enrolment>(
        context_.loop,
        Enrolment::Authority{context_.store, context_.signing, context_.config.domain,
                             context_.config.certificate_life},
        greeting.caller, one.hello, now, static_cast<Enrolment::Listener&>(*this));
    judges_.emplace(one.enrolment.get(), &visitor);
    return;
  }
  one.login = std::make_unique<Login>(
      context_.loop,
      Login::Authority{context_.store, context_.floors.guard(), context_.signing.public_key(),
                       context_.config.domain},
      greeting.caller, one.hello, now, static_cast<Login::Listener&>(*this));
  judges_.emplace(one.login.get(), &visitor);
}

void Reception::on_enrolled(Enrolment& enrolment, Result<Principal> outcome) {
  auto& one = cases_.at(judges_.at(&enrolment));
  if (!outcome) return refuse(one, outcome.error());
  log::info("enrolment", {{"event", "enrolled"},
                          {"name", outcome->name},
                          {"key", outcome->key.to_string()},
                          {"from", one.visitor->from().to_string()}});
  control::HelloAnswer answer;
  const auto signer = context_.signing.public_key();
  answer.certificate = std::move(outcome->certificate);
  answer.signing_key.assign(signer.view().begin(), signer.view().end());
  answer.domain = context_.config.domain;
  one.visitor->answer(answer);
}

void Reception::on_login(Login& login, Result<Principal> outcome) {
  auto& one = cases_.at(judges_.at(&login));
  if (!outcome) return refuse(one, outcome.error());
  context_.floors.accepted(outcome->key, one.hello.timestamp);
  front_door_->admit(*one.visitor);
  switch (one.hello.purpose) {
    case control::Purpose::kSession: return start_session(one, std::move(*outcome));
    case control::Purpose::kCircuitCall: {
      const auto callee = resolver::canonical_name(one.hello.name);
      if (!callee) return refuse(one, {ErrorCode::kNameUnknown, callee.error().detail});
      return context_.relay.call(*one.visitor, *outcome, *callee);
    }
    case control::Purpose::kCircuitAnswer:
      return context_.relay.answer(*one.visitor, *outcome, one.hello.ticket);
    case control::Purpose::kEnrol: break;  // is no login
  }
}

void Reception::start_session(Case& one, Principal principal) {
  const auto aead = choose_aead(one.hello.aeads);
  if (!aead) return refuse(one, aead.error());
  const bool known = context_.sessions.can_resume(principal, one.hello.session);
  one.beside = one.hello.resume == control::Resume::kBeside;
  if ((one.beside || one.hello.resume == control::Resume::kExisting) && !known)
    return refuse(one, {ErrorCode::kClosed,
                        "the session to be resumed is not here: it was away for too long "
                        "(limits.resume_seconds), another took its place, or the service was "
                        "started anew"});
  one.resumes = known && one.hello.resume != control::Resume::kNew;
  if (!one.resumes && context_.sessions.count() >= context_.config.limits.sessions)
    return refuse(one, {ErrorCode::kExhausted, "the service is full (limits.sessions)"});
  one.admitted = std::move(principal);
  one.aead = *aead;
  control::HelloAnswer answer;
  answer.aead = *aead;
  answer.seen = one.visitor->from();
  answer.tls_certificate = one.visitor->tls_certificate();
  one.visitor->answer(answer);
}

void Reception::on_answered(Visitor& visitor) {
  context_.relay.on_answered(visitor);
  const auto found = cases_.find(&visitor);
  if (found == cases_.end() || !found->second.admitted) return;
  auto& one = found->second;
  session::FreshCarrier carrier{visitor.take_pipe(),
                                {visitor.keys(), static_cast<crypto::AeadAlgorithm>(one.aead),
                                 std::move(one.early_frames), std::nullopt},
                                visitor.take_received(),
                                visitor.from()};
  const auto from = visitor.from().to_string() + "/" + std::string(visitor.carrier());
  if (one.beside)
    context_.sessions.attach_lane(*one.admitted, one.hello.session, std::move(carrier));
  else if (one.resumes)
    context_.sessions.resume(*one.admitted, one.hello.session, from, std::move(carrier));
  else
    context_.sessions.adopt(*one.admitted, one.hello.session, from, std::move(carrier));
}

void Reception::refuse(Case& one, const Error& why) {
  const auto now = context_.loop.now();
  const auto untold = refusals_.tell(one.caller, why.detail, now);
  const bool told = untold && lines_.take(now);
  const auto left_out = told ? lines_.left_out() : 0;
  if (left_out != 0) log::warning("login", {{"event", "lines-left-out"}, {"lines", left_out}});
  if (told)
    log::info("login", {{"event", "refused"},
                        {"purpose", to_text(one.hello.purpose)},
                        {"from", one.visitor->from().to_string()},
                        {"why", why.detail},
                        {"untold-before", *untold}});
  control::HelloAnswer answer;
  answer.refusal = why.code == ErrorCode::kNone ? ErrorCode::kProtocol : why.code;
  answer.reason = why.detail;
  if (one.hello.purpose == control::Purpose::kSession)
    answer.tls_certificate = one.visitor->tls_certificate();
  one.visitor->answer(answer);
}

void Reception::on_visitor_gone(Visitor& visitor) {
  context_.relay.on_visitor_gone(visitor);
  const auto found = cases_.find(&visitor);
  if (found == cases_.end()) return;
  judges_.erase(found->second.login.get());
  judges_.erase(found->second.enrolment.get());
  cases_.erase(found);
}

}  // namespace culvert::service
