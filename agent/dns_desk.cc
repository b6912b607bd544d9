#include "agent/dns_desk.h"

#include <netinet/in.h>
#include <unistd.h>

#include "tunnel/base/log.h"

namespace culvert::agent {

using resolver::DnsAsker;
using resolver::DnsQuery;
using resolver::Rcode;
namespace dns = resolver::dns;

namespace {

constexpr std::uint16_t kPort = 53;

void reply(DnsAsker& asker, const DnsQuery& query, ByteVector answer) {
  asker.answer(asker.by_tcp() ? answer : resolver::fit_dns_answer(query, std::move(answer)));
}

bool asks_for_address(std::uint16_t type) { return type == dns::kA || type == dns::kAny; }

// Types whose data would lead a program around the virtual address.
bool leads_to_addresses(std::uint16_t type) {
  return asks_for_address(type) || type == dns::kAaaa || type == dns::kHttps || type == dns::kSvcb;
}

// Addresses that end in .0 mean no name (resolver/address_pool.h). A program may not say which
// port its name server has: 53, if any of them is free and we may bind it.
std::vector<SocketAddress> places(const IpPrefix& pool) {
  constexpr std::uint32_t kFirst = 53, kCount = 32;
  const bool wide = pool.length <= 16;
  const std::uint32_t base = wide ? pool.address.v4_value() : 0x7f350000;
  std::vector<SocketAddress> all;
  for (std::uint32_t i = kFirst; i < kFirst + kCount; ++i)
    all.push_back({IpAddress::v4(base + (i << 8)), kPort});
  all.push_back({all.front().ip, 0});
  return all;
}

}  // namespace

class DnsDesk::Inquiry final : public NameInquiry {
 public:
  Inquiry(DnsDesk& desk, std::unique_ptr<DnsAsker> asker, DnsQuery query)
      : desk_(desk.alive_),
        zone_(desk.identity_.domain),
        asker_(std::move(asker)),
        query_(std::move(query)) {}
  ~Inquiry() override { on_try_again(); }

  const std::string& wanted() const override { return query_.name; }
  uid_t user() const override { return ::geteuid(); }  // may_ask() has looked
  void on_found(const IpAddress& address) override {
    give(asks_for_address(query_.type) ? resolver::make_dns_address(query_, address)
                                       : make_dns_answer(query_, Rcode::kNoError, zone_));
  }
  void on_not_ours() override {
    if (auto* desk = *desk_; desk != nullptr && asker_)
      desk->pass_on(std::move(asker_), std::move(query_));
  }
  void on_no_such_name() override { give(make_dns_answer(query_, Rcode::kNoSuchName, zone_)); }
  void on_try_again() override { give(make_dns_answer(query_, Rcode::kServerFailure)); }

 private:
  void give(ByteVector answer) {
    if (const auto asker = std::move(asker_)) reply(*asker, query_, std::move(answer));
  }
  std::shared_ptr<DnsDesk*> desk_;
  std::string zone_;
  std::unique_ptr<DnsAsker> asker_;  // null: answered
  DnsQuery query_;
};

class DnsDesk::Passing final : private resolver::DnsForwarding::Listener {
 public:
  Passing(DnsDesk& desk, std::unique_ptr<DnsAsker> its_asker, DnsQuery its_query)
      : asker(std::move(its_asker)),
        query(std::move(its_query)),
        desk_(desk),
        forwarding_(desk.forwarder_, asker->message(),
                    static_cast<resolver::DnsForwarding::Listener&>(*this)) {}

  std::unique_ptr<DnsAsker> asker;
  DnsQuery query;

 private:
  void on_forwarded(resolver::DnsForwarding&, Result<ByteVector> answer) override {
    desk_.on_passed(*this, std::move(answer));
  }
  DnsDesk& desk_;
  resolver::DnsForwarding forwarding_;
};

DnsDesk::DnsDesk(loop::Loop& loop, const AgentConfig& config, const Identity& identity,
                 const Destinations& destinations, NameDesk& names,
                 const resolver::AddressPool& pool)
    : config_(config),
      identity_(identity),
      destinations_(destinations),
      names_(names),
      pool_(pool),
      forwarder_(loop, {}),
      alive_(std::make_shared<DnsDesk*>(this)),
      server_(loop, static_cast<resolver::DnsServer::Handler&>(*this)) {}

DnsDesk::~DnsDesk() { *alive_ = nullptr; }

Result<SocketAddress> DnsDesk::start() {
  if (config_.name_server) {
    CULVERT_RETURN_IF_ERROR(server_.listen(*config_.name_server));
    return server_.address();
  }
  Result<void> last;
  for (const auto& place : places(pool_.prefix())) {
    last = server_.listen(place);
    if (last) return server_.address();
  }
  return fail(last.error());
}

// The datagram does not say who sent it; the kernel does.
bool DnsDesk::may_ask(const DnsAsker& asker) {
  if (config_.access.all || open_to_all_) return true;
  const auto socket = diag_.find_any(asker.by_tcp() ? Protocol::kTcp : Protocol::kUdp, asker.from(),
                                     server_.address());
  return socket && config_.access.allows(socket->uid, ::geteuid());
}

void DnsDesk::on_dns_message(std::unique_ptr<DnsAsker> asker) {
  auto query = resolver::parse_dns_query(asker->message());
  if (!query) return;
  if (query->fault != Rcode::kNoError)
    return reply(*asker, *query, make_dns_answer(*query, query->fault));
  if (!may_ask(*asker)) return reply(*asker, *query, make_dns_answer(*query, Rcode::kRefused));
  decide(std::move(asker), std::move(*query));
}

void DnsDesk::decide(std::unique_ptr<DnsAsker> asker, DnsQuery query) {
  if (query.klass != dns::kInternet && query.klass != dns::kAny)
    return pass_on(std::move(asker), std::move(query));
  if (const auto address = resolver::address_of_pointer_name(query.name);
      address && pool_.contains(*address))
    return answer_pointer(*asker, query, *address);
  const auto name = resolver::canonical_name(query.name);
  const bool below = destinations_.is_virtual(query.name);
  if (below && !name)  // no endpoint can have it, and nobody else is to hear of it
    return reply(*asker, query, make_dns_answer(query, Rcode::kNoSuchName, identity_.domain));
  const bool forwarded = name && !below && is_forwarded(*name) && leads_to_addresses(query.type);
  if (!below && !forwarded) return pass_on(std::move(asker), std::move(query));
  names_.ask(std::make_unique<Inquiry>(*this, std::move(asker), std::move(query)));
}

bool DnsDesk::is_forwarded(std::string_view name) const {
  const auto way = destinations_.of_name(name);
  return way == Way::kService || way == Way::kAfterDirect;
}

void DnsDesk::answer_pointer(DnsAsker& asker, const DnsQuery& query, const IpAddress& address) {
  const std::string name{pool_.name_of(address, loop::Loop::wall_clock())};
  const bool wanted = query.type == dns::kPtr || query.type == dns::kAny;
  const auto rcode = name.empty() ? Rcode::kNoSuchName : Rcode::kNoError;
  reply(asker, query,
        wanted && !name.empty() ? resolver::make_dns_pointer(query, name)
                                : make_dns_answer(query, rcode));
}

void DnsDesk::pass_on(std::unique_ptr<DnsAsker> asker, DnsQuery query) {
  if (passings_.size() >= kMostWaiting)
    return reply(*asker, query, make_dns_answer(query, Rcode::kServerFailure));
  passings_.push_back(std::make_unique<Passing>(*this, std::move(asker), std::move(query)));
}

void DnsDesk::on_passed(Passing& passing, Result<ByteVector> answer) {
  const auto rcode = answer ? resolver::rcode_of(*answer) : Rcode::kServerFailure;
  const auto name = resolver::canonical_name(passing.query.name);
  if (rcode == Rcode::kNoSuchName && name && is_forwarded(*name)) {
    // It may be there all the same, where only the service sees it.
    names_.ask(std::make_unique<Inquiry>(*this, std::move(passing.asker), passing.query));
    return drop(passing);
  }
  if (!answer) {
    const bool refused = answer.error().code == ErrorCode::kNotPermitted;
    log::debug(
        "dns",
        {{"event", "not-answered"}, {"name", passing.query.name}, {"why", answer.error().detail}});
    answer = make_dns_answer(passing.query, refused ? Rcode::kRefused : Rcode::kServerFailure);
  }
  reply(*passing.asker, passing.query, std::move(*answer));
  drop(passing);
}

void DnsDesk::drop(const Passing& passing) {
  std::erase_if(passings_, [&](const auto& one) { return one.get() == &passing; });
}

}  // namespace culvert::agent
