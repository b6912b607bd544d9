#include "resolver/dns_forwarder.h"

#include <ares.h>

#include <cassert>

#include "resolver/dns_channel.h"
#include "resolver/dns_message.h"
#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {

struct DnsForwarder::Query {
  DnsForwarder& forwarder;
  DnsForwarding* forwarding;  // null: cancelled

  static void on_answer(void* self, int status, int /*timeouts*/, unsigned char* octets, int size) {
    const std::unique_ptr<Query> query(static_cast<Query*>(self));
    query->forwarder.channel_.ended();
    auto* forwarding = query->forwarding;
    if (forwarding == nullptr) return;
    forwarding->query_ = nullptr;
    if (status == ARES_SUCCESS && size >= static_cast<int>(dns::kHeader)) {
      const auto answer = std::as_bytes(std::span{octets, static_cast<std::size_t>(size)});
      return forwarding->give(ByteVector(answer.begin(), answer.end()));
    }
    forwarding->give(
        fail(status == ARES_EREFUSED ? ErrorCode::kNotPermitted : ErrorCode::kTryAgain,
             "the system's name servers gave no answer: " + std::string(ares_strerror(status))));
  }
};

DnsForwarder::DnsForwarder(loop::Loop& loop, DnsOptions options)
    : loop_(loop), channel_(loop, std::move(options), DnsUse::kMessages) {}

Result<void> DnsForwarder::start(Query& query, ByteVector message) {
  if (channel_.waiting() >= kMostWaiting)
    return fail(ErrorCode::kExhausted, "too many questions wait for the system's name servers");
  const auto channel = channel_.begin();
  if (!channel) return fail(channel.error());
  store_be(message.data(), static_cast<std::uint16_t>(random_()));
  (*channel)->send(message, &Query::on_answer, &query);
  return {};
}

DnsForwarding::DnsForwarding(DnsForwarder& forwarder, Bytes message, Listener& listener)
    : Deferred(forwarder.loop_), listener_(listener), id_(load_be<std::uint16_t>(message.data())) {
  assert(message.size() >= dns::kHeader);
  auto query = std::make_unique<DnsForwarder::Query>(DnsForwarder::Query{forwarder, this});
  query_ = query.get();
  // c-ares may answer (and free the query) before this returns: there is no server.
  auto started = forwarder.start(*query, ByteVector(message.begin(), message.end()));
  if (started) {
    (void)query.release();
  } else {
    query_ = nullptr;
    give(fail(std::move(started.error())));
  }
}

DnsForwarding::~DnsForwarding() {
  if (query_ != nullptr) query_->forwarding = nullptr;
}

void DnsForwarding::give(Result<ByteVector> answer) {
  answer_ = std::move(answer);
  if (answer_) store_be(answer_->data(), id_);
  schedule();
}

}  // namespace culvert::resolver
