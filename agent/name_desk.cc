#include "agent/name_desk.h"

#include <algorithm>

#include "tunnel/base/log.h"

namespace culvert::agent {

class NameDesk::Wait final : private LookupRequest::Listener,
                             private resolver::DnsRequest::Listener {
 public:
  Wait(NameDesk& desk, std::unique_ptr<NameInquiry> asked, std::string canonical)
      : inquiry(std::move(asked)), name(std::move(canonical)), request(*this), desk_(desk) {}
  void ask_here() {
    local_.emplace(desk_.local_names_, name, static_cast<resolver::DnsRequest::Listener&>(*this));
  }

  std::unique_ptr<NameInquiry> inquiry;
  std::string name;
  LookupRequest request;

 private:
  void on_looked_up(LookupRequest&, Result<ByteVector> answer) override {
    desk_.finish(*this, answer);
  }
  void on_resolved(resolver::DnsRequest&, Result<std::vector<IpAddress>> addresses) override {
    local_.reset();
    if (addresses) return desk_.finish(*this, ByteVector{});
    desk_.ask_service(*this);
  }
  std::optional<resolver::DnsRequest> local_;
  NameDesk& desk_;
};

NameDesk::NameDesk(loop::Loop& loop, const AccessPolicy& access, Destinations& destinations,
                   resolver::DnsClient& local_names, Uplink& uplink, PeerKeys& keys,
                   resolver::AddressPool& pool, PoolFile& pool_file,
                   const Acquaintances& acquaintances)
    : loop_(loop),
      access_(access),
      destinations_(destinations),
      local_names_(local_names),
      uplink_(uplink),
      keys_(keys),
      pool_(pool),
      pool_file_(pool_file),
      acquaintances_(acquaintances) {}

NameDesk::~NameDesk() = default;

void NameDesk::ask(std::unique_ptr<NameInquiry> inquiry) {
  if (!access_.allows(inquiry->user(), ::geteuid())) return inquiry->on_not_ours();
  const auto name = resolver::canonical_name(inquiry->wanted());
  if (!name) return inquiry->on_not_ours();  // libc says what is wrong with it
  const auto way = destinations_.of_name(*name);
  if (way == Way::kDirect || IpAddress::parse(*name)) return inquiry->on_not_ours();
  if (const auto* known = known_.find(*name, loop_.now()))
    return inquiry->on_found(IpAddress{*known});
  if (waits_.size() >= kMostWaiting) return inquiry->on_try_again();
  auto& wait = *waits_.emplace_back(std::make_unique<Wait>(*this, std::move(inquiry), *name));
  if (way == Way::kAfterDirect) return wait.ask_here();
  ask_service(wait);
}

void NameDesk::ask_service(Wait& wait) {
  const auto kind = destinations_.is_virtual(wait.name) ? control::Lookup::Kind::kEndpoint
                                                        : control::Lookup::Kind::kOrdinary;
  if (const auto asked = uplink_.look_up(kind, wait.name, wait.request); !asked)
    finish(wait, fail(asked.error()));
}

// No certificate: the service hosts the name itself. It cannot take over a machine's name so, whose
// streams would then end at the service.
Result<void> NameDesk::accept(const std::string& name, Bytes certificate, UnixTime now) {
  const bool hosted = certificate.empty();
  if (hosted && keys_.is_pinned(name))
    return fail(ErrorCode::kAuthentication,
                name + " was a machine's; the service now says that it hosts that name itself");
  if (!hosted) {
    const auto accepted = keys_.accept_of(name, certificate, now);
    if (!accepted) return fail(accepted.error());
  }
  destinations_.set_hosted(name, hosted);
  return {};
}

void NameDesk::finish(Wait& wait, const Result<ByteVector>& answer) {
  const auto now = loop::Loop::wall_clock();
  auto error = answer ? Error{} : answer.error();
  if (error.code == ErrorCode::kNameUnknown && acquaintances_.is_here(wait.name))
    error = {};
  else if (answer && destinations_.is_virtual(wait.name))
    if (const auto accepted = accept(wait.name, *answer, now); !accepted) error = accepted.error();
  if (error.code == ErrorCode::kNone) {
    if (const auto address = pool_.address_of(wait.name, now)) {
      wait.inquiry->on_found(*address);
      pool_file_.changed();
      known_.remember(wait.name, *address, loop_.now());
    } else {
      error = address.error();
    }
  }
  if (error.code == ErrorCode::kNameUnknown || error.code == ErrorCode::kNotPermitted) {
    if (error.code == ErrorCode::kNotPermitted)  // the program can only be told "no such name"
      log::warning("name", {{"event", "denied"}, {"name", wait.name}, {"why", error.detail}});
    wait.inquiry->on_no_such_name();
  } else if (error.code != ErrorCode::kNone) {
    if (error.code != ErrorCode::kTryAgain)
      log::warning("name", {{"name", wait.name}, {"why", error.detail}});
    wait.inquiry->on_try_again();
  }
  std::erase_if(waits_, [&](const auto& other) { return other.get() == &wait; });
}

void NameDesk::ask(std::unique_ptr<AddressQuestion> question) {
  if (!pool_.contains(question->address())) return question->not_ours();
  const auto name = pool_.name_of(question->address(), loop::Loop::wall_clock());
  if (name.empty()) return question->no_such_name();
  question->found(name);
}

}  // namespace culvert::agent
