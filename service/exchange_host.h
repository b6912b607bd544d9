// service/exchange_host.h: the HTTP connections that bring requests of exchanges, and the
// exchanges. Knows nothing of who the clients are: its listener finds out, over the pipe of the
// exchange.
//
// Bounds before login (S6): each exchange and each connection holds a stranger's place, and a
// connection is closed after the time of a handshake unless what it brings is of a known client by
// then. Afterwards a connection without a request is closed when it was idle for two minutes; the
// longest a common proxy keeps one is as long (squid, measured).
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "service/exchange_pipe.h"
#include "service/strangers.h"
#include "tunnel/exchange/server_connection.h"

namespace culvert::service {

class ExchangeHost final : private loop::Deferred, private Exchange::Listener {
 public:
  class Listener {
   public:
    virtual std::unique_ptr<Strangers::Place> place_for(const SocketAddress& from) = 0;
    // A new exchange, as a pipe that nobody has read from.
    virtual void on_exchange(const crypto::PublicKey& name, std::unique_ptr<loop::BytePipe> pipe,
                             const SocketAddress& from,
                             std::unique_ptr<Strangers::Place> place) = 0;

   protected:
    ~Listener() = default;
  };

  ExchangeHost(loop::Loop& loop, const crypto::KeyPair& identity, Random& random,
               Duration stranger_limit, Listener& listener);
  ~ExchangeHost() override;

  // `received`: octets read from it already, the beginning of a request.
  void adopt(std::unique_ptr<loop::BytePipe> pipe, ByteVector received, const SocketAddress& from,
             std::unique_ptr<Strangers::Place> place);
  void admit(const crypto::PublicKey& exchange);  // its client has proven who it is
  void close() { closing_ = true; }  // no new exchanges; those that are there say goodbye

  std::size_t exchange_count() const { return exchanges_.size(); }
  std::size_t connection_count() const { return connections_.size(); }

 private:
  class Connection;
  void on_exchange_over(Exchange& exchange) override;
  void run_deferred() override;
  Exchange* find(const crypto::PublicKey& name);
  Exchange* begin(const crypto::PublicKey& name, exchange::ExchangeKeys keys,
                  const SocketAddress& from);
  void gone(Connection& connection);

  loop::Loop& loop_;
  const crypto::KeyPair& identity_;
  Random& random_;
  Duration stranger_limit_;
  Listener& listener_;
  std::map<crypto::PublicKey, std::unique_ptr<Exchange>> exchanges_;
  std::map<Connection*, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Exchange>> over_;  // destroyed from the loop
  std::vector<std::unique_ptr<Connection>> gone_;
  bool closing_ = false;
};

}  // namespace culvert::service
