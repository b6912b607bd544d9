#include "service/enrolment.h"

#include <algorithm>

#include "resolver/virtual_name.h"
#include "service/certificate_issue.h"

namespace culvert::service {
namespace {

constexpr std::string_view kNotGood =
    "the invitation is not good: it was used already, has expired, or is of another service";

std::uint64_t revision_of(const StoreEntry* entry) {
  return entry == nullptr ? 0 : entry->revision;
}

}  // namespace

Result<std::string> full_name(std::string_view text, std::string_view domain) {
  auto name = resolver::canonical_name(text);
  if (!name) return fail(name.error());
  if (!resolver::is_below(*name, domain)) {
    name = resolver::canonical_name(*name + "." + std::string(domain));
    if (!name) return fail(name.error());
  }
  if (*name == domain)
    return fail(ErrorCode::kBadInput, "'" + *name +
                                          "' is the service's domain itself; add a label "
                                          "in front of it, such as web." +
                                          *name);
  if (name->find('_') != std::string::npos)
    return fail(ErrorCode::kBadInput, "'" + *name + "' has an underscore; use a hyphen");
  return name;
}

Enrolment::Enrolment(loop::Loop& loop, const Authority& authority, const crypto::PublicKey& caller,
                     const control::Hello& hello, UnixTime now, Listener& listener)
    : authority_(authority),
      listener_(listener),
      now_(now),
      invitation_(invitation_key(hello.secret)),
      call_(loop, *this) {
  principal_.key = caller;
  refusal_ = ask(hello);
  if (!refusal_) call_.complete(StoreCall::Answer{});
}

Result<void> Enrolment::ask(const control::Hello& hello) {
  auto name = resolver::canonical_name(hello.name);
  if (!name || *name == authority_.domain || !resolver::is_below(*name, authority_.domain))
    return fail(ErrorCode::kAuthentication,
                "'" + hello.name + "' is not a name below " + authority_.domain);
  principal_.name = std::move(*name);
  authority_.store.get(call_,
                       {invitation_, endpoint_key(principal_.name), owner_key(principal_.key)});
  return {};
}

void Enrolment::on_store_answer(StoreCall&) {
  if (refusal_ && !call_.answer())
    refusal_ = fail(ErrorCode::kTryAgain, "the service cannot use its records at the moment");
  if (refusal_ && !committing_) {
    refusal_ = decide_and_commit();
    if (refusal_) return;
  }
  if (!refusal_) return listener_.on_enrolled(*this, fail(refusal_.error()));
  if (!call_.answer()->committed)
    return listener_.on_enrolled(
        *this, fail(ErrorCode::kAuthentication, std::string(kNotGood)));  // another was first
  listener_.on_enrolled(*this, principal_);
}

Result<void> Enrolment::decide_and_commit() {
  const auto& answer = *call_.answer();
  const auto* invitation = answer.find(invitation_);
  const auto* endpoint = answer.find(endpoint_key(principal_.name));
  const auto* owner = answer.find(owner_key(principal_.key));
  if (invitation == nullptr) return fail(ErrorCode::kAuthentication, std::string(kNotGood));
  const auto invited = decode_invitation_record(invitation->value);
  if (!invited) return fail(invited.error());
  if (invited->expires <= now_) return fail(ErrorCode::kAuthentication, std::string(kNotGood));
  if (invited->name != principal_.name)
    return fail(ErrorCode::kAuthentication,
                "the invitation is for another name than " + principal_.name);
  if (owner != nullptr && as_text(owner->value) != principal_.name)
    return fail(ErrorCode::kAuthentication,
                "this endpoint's key is enrolled under another name already; use a new state "
                "directory for the new name");

  std::optional<EndpointRecord> former;
  if (endpoint != nullptr) {
    auto decoded = decode_endpoint(endpoint->value);
    if (!decoded) return fail(decoded.error());
    former = *decoded;
  }
  const auto serial = next_serial(former ? former->serial : 0, now_);
  auto issued =
      issue_certificate(authority_.signing, principal_, serial, now_, authority_.certificate_life);
  if (!issued) return fail(issued.error());
  principal_.certificate = std::move(issued->encoded);

  const EndpointRecord record{principal_.key, serial, now_, issued->not_after, false};
  const auto name = as_bytes(principal_.name);
  std::vector<StoreCondition> conditions{{invitation_, invitation->revision},
                                         {endpoint_key(principal_.name), revision_of(endpoint)},
                                         {owner_key(principal_.key), revision_of(owner)}};
  std::vector<StoreChange> changes{
      {invitation_, std::nullopt},
      {endpoint_key(principal_.name), encode(record)},
      {owner_key(principal_.key), ByteVector(name.begin(), name.end())}};
  if (former && former->key != principal_.key) {  // which is nobody's any more
    changes.push_back({owner_key(former->key), std::nullopt});
    changes.push_back({floor_key(former->key), std::nullopt});
  }
  committing_ = true;
  authority_.store.transact(call_, conditions, changes);
  return {};
}

}  // namespace culvert::service
