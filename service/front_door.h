// service/front_door.h: the listening ports, and the visitors that nobody knows yet.
#pragma once
#include <unordered_map>
#include <vector>

#include "service/config.h"
#include "service/exchange_host.h"
#include "service/ftp_pairs.h"
#include "service/visitor.h"
#include "tunnel/loop/tcp_listener.h"
#include "tunnel/restart/sockets.h"

namespace culvert::service {

class FrontDoor final : private loop::TcpListener::Listener,
                        private Visitor::Listener,
                        private ExchangeHost::Listener,
                        private loop::Deferred {
 public:
  class Listener {
   public:
    virtual void on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) = 0;
    virtual void on_answered(Visitor& visitor) = 0;
    virtual void on_visitor_gone(Visitor& visitor) = 0;  // only of visitors that said hello

   protected:
    ~Listener() = default;
  };

  FrontDoor(const Visitor::Context& context, const Config& config, Listener& listener);
  ~FrontDoor() override;

  Result<void> listen(const SocketAddress& at);
  // A listening socket of an earlier process; closed if it is not at any of `wanted`, from which it
  // is taken then (port 0: any).
  void adopt(UniqueFd listening, std::vector<SocketAddress>& wanted);
  std::vector<std::uint64_t> pass_on(restart::Outgoing& out) const;
  std::vector<SocketAddress> addresses() const;  // as bound
  void close();                                  // no new visitors; those waiting leave

  // The visitor has proven who it is: it counts no more as a stranger.
  void admit(Visitor& visitor);

  std::size_t visitor_count() const { return visitors_.size(); }

 private:
  struct Guest {
    std::unique_ptr<Visitor> visitor;
    std::unique_ptr<Strangers::Place> place;    // until it is known
    std::optional<crypto::PublicKey> exchange;  // whose requests bring it
    std::string files{};                        // of FTP: the pair that it is of
    bool said_hello = false;
    bool paired = false;  // speaks FTP, and its data connection is known
  };
  void on_accepted(UniqueFd fd, const SocketAddress& peer) override;
  void on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) override;
  void on_answered(Visitor& visitor) override;
  void on_visitor_gone(Visitor& visitor, const std::string& why) override;
  void on_requests(Visitor& visitor) override;
  void on_file_asked(Visitor& visitor) override;
  void on_half(Visitor& visitor) override;
  std::unique_ptr<Strangers::Place> place_for(const SocketAddress& peer) override;
  void on_exchange(const crypto::PublicKey& name, std::unique_ptr<loop::BytePipe> pipe,
                   const SocketAddress& from, std::unique_ptr<Strangers::Place> place) override;
  void run_deferred() override;
  Visitor& enter(std::unique_ptr<loop::BytePipe> pipe, const SocketAddress& from, Guest guest);
  void pair_with_ftp(const Visitor& admitted);
  void let_stay(Visitor& control);
  void log_refused(const SocketAddress& peer, const char* why);

  Visitor::Context context_;
  const Config& config_;
  Listener& listener_;
  Strangers strangers_;
  ExchangeHost exchanges_;
  std::vector<std::unique_ptr<loop::TcpListener>> listeners_;
  std::unordered_map<Visitor*, Guest> visitors_;
  std::vector<Visitor*> asked_files_;  // of FTP, and their data connections are not known yet
  FtpPairs ftp_pairs_;
  std::size_t paired_ = 0;
  std::vector<Guest> gone_;  // destroyed from the loop, never from inside their own calls
  TimePoint refusals_since_{};
  std::size_t refusals_ = 0;
};

}  // namespace culvert::service
