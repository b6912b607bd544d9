#include "service/certificate_renewal.h"

#include "service/certificate_issue.h"

namespace culvert::service {

bool CertificateRenewal::is_due(Bytes certificate, Duration life, UnixTime now) {
  const auto shown = crypto::NameCertificate::decode_unverified(certificate);
  return shown && shown->not_after - now < life / 3;
}

CertificateRenewal::CertificateRenewal(loop::Loop& loop, const Authority& authority,
                                       const Principal& principal, UnixTime now, Listener& listener)
    : authority_(authority),
      principal_(principal),
      now_(now),
      listener_(listener),
      call_(loop, *this) {
  authority_.store.get(call_, {endpoint_key(principal_.name)});
}

void CertificateRenewal::on_store_answer(StoreCall&) {
  const auto& answer = call_.answer();
  if (!answer) return listener_.on_renewal_done(*this, fail(answer.error()));
  if (!signed_) {
    const auto begun = sign_and_commit();
    if (!begun) listener_.on_renewal_done(*this, fail(begun.error()));
    return;
  }
  if (!answer->committed)
    return listener_.on_renewal_done(
        *this, fail(ErrorCode::kTryAgain, "the record was changed at the same moment"));
  listener_.on_renewal_done(*this, *signed_);
}

Result<void> CertificateRenewal::sign_and_commit() {
  const auto key = endpoint_key(principal_.name);
  const auto* const entry = call_.answer()->find(key);
  if (entry == nullptr) return judge_record(principal_, nullptr);
  auto record = decode_endpoint(entry->value);
  if (!record) return fail(record.error());
  CULVERT_RETURN_IF_ERROR(judge_record(principal_, &*record));
  record->serial = next_serial(record->serial, now_);
  auto issued =
      issue_certificate(authority_.signing, principal_, record->serial, now_, authority_.life);
  if (!issued) return fail(issued.error());
  record->not_after = issued->not_after;
  signed_ = std::move(issued->encoded);
  authority_.store.transact(call_, {{key, entry->revision}}, {{key, encode(*record)}});
  return {};
}

}  // namespace culvert::service
