#include "service/commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "service/store_wait.h"
#include "tunnel/control/invitation.h"

namespace culvert::service {
namespace {

std::string to_date(UnixTime time) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(
                                        std::chrono::time_point_cast<std::chrono::seconds>(time))));
}

Result<std::vector<StoreEntry>> list_all(loop::Loop& loop, Store& store, std::string_view prefix) {
  constexpr std::size_t kPage = 1000;
  std::vector<StoreEntry> all;
  StoreWait answer(loop);
  while (true) {
    store.list(answer.call(), std::string(prefix), all.empty() ? "" : all.back().key, kPage);
    auto page = answer.wait();
    if (!page) return fail(page.error());
    const bool last = page->entries.size() < kPage;
    std::move(page->entries.begin(), page->entries.end(), std::back_inserter(all));
    if (last) return all;
  }
}

}  // namespace

Result<std::string> invite(loop::Loop& loop, State& state, const Options& options, UnixTime now,
                           Random& random) {
  auto name = full_name(options.name, state.config.domain);
  if (!name) return fail(name.error());
  if (is_hosted(state.config.hosted(), *name, state.config.domain))
    return fail(ErrorCode::kBadInput,
                *name +
                    " is a conference's name, a gateway's number or a caller of [[media]] in the "
                    "configuration; give the machine another name");
  const auto address =
      options.address ? Result<HostPort>(*options.address) : state.config.invitation_address();
  if (!address) return fail(address.error());

  control::Invitation invitation;
  invitation.service = address->to_string();
  if (IpAddress::parse(address->host)) invitation.domain = state.config.domain;
  const auto key = state.key.identity.public_key.view();
  std::copy(key.begin(), key.end(), invitation.service_key.begin());
  invitation.name = *name;
  random.fill(invitation.secret);

  const auto old = list_all(loop, *state.store, kInvitationPrefix);
  if (!old) return fail(old.error());
  std::vector<StoreChange> changes{{invitation_key(invitation.secret),
                                    encode(InvitationRecord{*name, now, now + options.expires})}};
  for (const auto& entry : *old) {
    const auto record = decode_invitation_record(entry.value);
    if (record && record->expires <= now) changes.push_back({entry.key, std::nullopt});
  }
  StoreWait answer(loop);
  state.store->transact(answer.call(), {}, changes);
  if (const auto stored = answer.wait(); !stored) return fail(stored.error());
  return control::encode(invitation) + "\n";
}

Result<std::string> list_endpoints(loop::Loop& loop, State& state, UnixTime now) {
  const auto entries = list_all(loop, *state.store, kEndpointPrefix);
  if (!entries) return fail(entries.error());
  if (entries->empty())
    return std::string("no endpoint is enrolled; invite one: culvert-service invite NAME\n");
  std::size_t width = 4;
  for (const auto& entry : *entries)
    width = std::max(width, entry.key.size() - kEndpointPrefix.size());
  auto text = fmt::format("{:<{}}  ENROLLED    UNTIL       STATE\n", "NAME", width);
  for (const auto& entry : *entries) {
    const auto record = decode_endpoint(entry.value);
    if (!record) return fail(record.error());
    const auto* state_word = record->revoked            ? "revoked"
                             : record->not_after <= now ? "expired"
                                                        : "valid";
    text += fmt::format("{:<{}}  {}  {}  {}\n", entry.key.substr(kEndpointPrefix.size()), width,
                        to_date(record->created), to_date(record->not_after), state_word);
  }
  return text;
}

Result<std::string> revoke(loop::Loop& loop, State& state, const std::string& typed) {
  const auto name = full_name(typed, state.config.domain);
  if (!name) return fail(name.error());
  const auto key = endpoint_key(*name);
  StoreWait answer(loop);
  while (true) {
    state.store->get(answer.call(), {key});
    const auto found = answer.wait();
    if (!found) return fail(found.error());
    if (found->entries.empty())
      return fail(ErrorCode::kNameUnknown,
                  *name + " is not enrolled; see culvert-service endpoints");
    const auto& entry = found->entries.front();
    auto record = decode_endpoint(entry.value);
    if (!record) return fail(record.error());
    if (record->revoked) return *name + " was revoked already\n";
    record->revoked = true;
    state.store->transact(answer.call(), {{key, entry.revision}}, {{key, encode(*record)}});
    const auto stored = answer.wait();
    if (!stored) return fail(stored.error());
    if (stored->committed) return *name + " is revoked; to admit it again, invite it again\n";
  }  // it was enrolled anew meanwhile: look again
}

}  // namespace culvert::service
