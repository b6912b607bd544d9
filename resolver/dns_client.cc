#include "resolver/dns_client.h"

#include <ares.h>

#include <cassert>

#include "resolver/dns_channel.h"
#include "resolver/virtual_name.h"

namespace culvert::resolver {
namespace {

Result<std::vector<IpAddress>> to_addresses(const std::string& name, int status,
                                            const ares_addrinfo* info) {
  std::vector<IpAddress> addresses;
  for (auto* node = info != nullptr ? info->nodes : nullptr; node != nullptr; node = node->ai_next)
    if (node->ai_family == AF_INET || node->ai_family == AF_INET6)
      addresses.push_back(SocketAddress::from(node->ai_addr).ip);
  if (status == ARES_SUCCESS && !addresses.empty()) return addresses;
  if (status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA ||
      status == ARES_EBADNAME)
    return fail(ErrorCode::kNameUnknown, "there is no address for '" + name + "'");
  return fail(ErrorCode::kTryAgain,
              "cannot look '" + name + "' up: " + std::string(ares_strerror(status)));
}

}  // namespace

struct DnsClient::Query {
  DnsClient& client;
  DnsRequest* request;  // null: cancelled

  static void on_answer(void* self, int status, int /*timeouts*/, ares_addrinfo* info) {
    const std::unique_ptr<Query> query(static_cast<Query*>(self));
    query->client.channel_.ended();
    if (query->request != nullptr) {
      auto& [client, request] = *query;
      auto answer = to_addresses(request->name_, status, info);
      if (answer) client.recent_.remember(request->name_, *answer, client.loop_.now());
      request->query_ = nullptr;
      request->give(std::move(answer));
    }
    if (info != nullptr) ares_freeaddrinfo(info);
  }
};

DnsClient::DnsClient(loop::Loop& loop, Options options)
    : loop_(loop), channel_(loop, std::move(options), DnsUse::kNames) {}

Result<void> DnsClient::start(Query& query, const std::string& name) {
  if (channel_.waiting() >= kMostWaiting)
    return fail(ErrorCode::kExhausted, "too many names are being looked up at once");
  const auto channel = channel_.begin();
  if (!channel) return fail(channel.error());
  (*channel)->query(name, &Query::on_answer, &query);
  return {};
}

DnsRequest::DnsRequest(DnsClient& client, std::string_view name, Listener& listener)
    : Deferred(client.loop_), name_(name), listener_(listener) {
  if (const auto address = IpAddress::parse(name)) {
    give(std::vector<IpAddress>{*address});
    return;
  }
  if (auto canonical = canonical_name(name); !canonical) {
    give(fail(std::move(canonical.error())));
    return;
  }
  if (const auto* known = client.recent_.find(name_, client.loop_.now())) {
    give(*known);
    return;
  }
  auto query = std::make_unique<DnsClient::Query>(DnsClient::Query{client, this});
  query_ = query.get();
  // c-ares may answer (and free the query) before this returns: /etc/hosts, no server.
  auto started = client.start(*query, name_);
  if (started) {
    (void)query.release();
  } else {
    query_ = nullptr;
    give(fail(std::move(started.error())));
  }
}

DnsRequest::~DnsRequest() {
  if (query_ != nullptr) query_->request = nullptr;
}

void DnsRequest::give(Result<std::vector<IpAddress>> answer) {
  answer_ = std::move(answer);
  schedule();
}

void DnsRequest::run_deferred() { listener_.on_resolved(*this, std::move(answer_)); }

}  // namespace culvert::resolver
