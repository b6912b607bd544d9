// resolver/dns_asker.h: a message that somebody sent to a DnsServer, and where its answer goes.
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::resolver {

class DnsAsker {
 public:
  DnsAsker(ByteVector message, const SocketAddress& from, bool by_tcp)
      : message_(std::move(message)), from_(from), by_tcp_(by_tcp) {}
  DnsAsker(const DnsAsker&) = delete;
  DnsAsker& operator=(const DnsAsker&) = delete;
  virtual ~DnsAsker() = default;

  const ByteVector& message() const { return message_; }
  const SocketAddress& from() const { return from_; }
  bool by_tcp() const { return by_tcp_; }
  // At most 65535 octets, once; nobody is told if it could not be sent, as in every network.
  virtual void answer(Bytes message) = 0;

 private:
  ByteVector message_;
  SocketAddress from_;
  bool by_tcp_;
};

}  // namespace culvert::resolver
