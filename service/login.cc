#include "service/login.h"

#include "resolver/virtual_name.h"

namespace culvert::service {

Result<Principal> judge_certificate(Bytes certificate, const crypto::PublicKey& caller,
                                    const crypto::SignaturePublicKey& signer,
                                    std::string_view domain, UnixTime now) {
  const auto enrol = [](const std::string& what) {
    return fail(ErrorCode::kAuthentication, what + "; enrol this endpoint with a new invitation");
  };
  if (certificate.empty()) return enrol("the endpoint shows no name certificate");
  const auto shown = crypto::NameCertificate::verify(certificate, signer, now);
  if (!shown) return enrol("the name certificate is not valid: " + shown.error().detail);
  if (shown->key != caller) return enrol("the name certificate belongs to another key");
  if (shown->name == domain || !resolver::is_below(shown->name, domain))
    return enrol(shown->name + " is not a name of this service's domain " + std::string(domain));
  return Principal{shown->name, caller, {certificate.begin(), certificate.end()}};
}

Result<void> judge_record(const Principal& principal, const EndpointRecord* record) {
  if (record == nullptr)
    return fail(ErrorCode::kAuthentication,
                principal.name + " is not enrolled here; enrol it with an invitation");
  if (record->revoked)
    return fail(ErrorCode::kAuthentication,
                principal.name + " was revoked by the service's administrator");
  if (record->key != principal.key)
    return fail(ErrorCode::kAuthentication,
                principal.name + " was enrolled again with another key, which replaced this one");
  return {};
}

Login::Login(loop::Loop& loop, const Authority& authority, const crypto::PublicKey& caller,
             const control::Hello& hello, UnixTime now, Listener& listener)
    : authority_(authority),
      listener_(listener),
      shown_(judge_certificate(hello.certificate, caller, authority.signer, authority.domain, now)),
      now_(now),
      sent_(from_unix_nanoseconds(hello.timestamp)),
      call_(loop, *this) {
  if (shown_)
    authority_.store.get(call_, {endpoint_key(shown_->name)});
  else
    call_.complete(StoreCall::Answer{});
}

void Login::on_store_answer(StoreCall&) { listener_.on_login(*this, decide()); }

Result<Principal> Login::decide() {
  if (!shown_) return fail(shown_.error());
  const auto& answer = call_.answer();
  if (!answer)
    return fail(ErrorCode::kTryAgain, "the service cannot read its records at the moment");
  if (answer->entries.empty()) {
    CULVERT_RETURN_IF_ERROR(judge_record(*shown_, nullptr));
  } else {
    const auto record = decode_endpoint(answer->entries.front().value);
    if (!record) return fail(record.error());
    CULVERT_RETURN_IF_ERROR(judge_record(*shown_, &*record));
  }
  CULVERT_RETURN_IF_ERROR(crypto::check_not_ahead(sent_, now_));
  // Last: only a caller that is let in may move its own clock here.
  CULVERT_RETURN_IF_ERROR(authority_.replay_guard.accept(shown_->key, sent_));
  return *shown_;
}

}  // namespace culvert::service
