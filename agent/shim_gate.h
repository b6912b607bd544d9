// agent/shim_gate.h: answers the shims (shim/wire.h) on the agent's control socket, and holds and
// completes the programs' connects. Knows nothing of sessions, names or policy: that is Handler.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/connect_table.h"
#include "agent/control_socket.h"
#include "agent/held_connect.h"
#include "agent/let_go_desk.h"
#include "agent/listener_watch.h"
#include "agent/question.h"
#include "agent/shim_packet.h"
#include "agent/shim_question.h"
#include "agent/status_reply.h"

namespace culvert::agent {

class ShimGate final : private ControlSocket::Listener,
                       private ListenerWatch::Listener,
                       private loop::Timer::Listener {
 public:
  class Handler {
   public:
    virtual void on_name_asked(std::unique_ptr<NameQuestion> question) = 0;
    virtual void on_address_asked(std::unique_ptr<AddressQuestion> question) = 0;
    virtual void on_connect(std::unique_ptr<HeldConnect> held) = 0;
    // An address outside the pool: the one of the pool that is to stand for it; nothing if what is
    // sent to it is not ours.
    virtual std::optional<IpAddress> stand_in(Protocol protocol, const IpAddress& ordinary,
                                              const Asker& asker) = 0;
    virtual void on_datagrams_asked(std::unique_ptr<DatagramQuestion> question) = 0;
    // UDP; agent/share_desk.h
    virtual void on_share_asked(UniqueFd socket, std::uint16_t port, bool own_shares) = 0;
    // AcceptDesk::take()
    virtual UniqueFd on_accepted(const SocketAddress& peer, std::uint64_t cookie,
                                 const Asker& asker) = 0;
    // agent/sender_desk.h; `server`: its own port
    virtual std::optional<SocketAddress> on_sender_asked(const SocketAddress& about,
                                                         std::uint16_t server) = 0;
    virtual void on_listening(const ProgramListener& listener) = 0;
    virtual void on_listener_gone(const ProgramListener& listener) = 0;
    virtual void on_status_asked(std::unique_ptr<StatusQuestion> question) = 0;
    virtual void on_why_asked(std::unique_ptr<StatusQuestion> question,
                              const std::string& host) = 0;
    // agent/system_wide.h has changed. Whether system-wide mode is on now.
    virtual Result<bool> on_system_wide_told() = 0;
    // Whether the proxy with this URL will be used where there is no other way.
    virtual bool on_proxy_told(const Asker& asker, const std::string& url) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    std::string socket_path;
    bool any_user = false;  // the system agent's choice; else only this process's uid, and root
    IpPrefix pool;
    std::string forwarding;      // CULVERT_FORWARD of shim/wire.h
    std::string domains;         // virtual domain suffixes, space separated, at most 255 octets
    bool publishes = false;      // listeners may be published; if not, none need be told
    bool publishes_all = false;  // ... and without asking anybody
    bool use_raw_socket = true;  // forge exact refusals if we may
    Duration hold_linger = std::chrono::seconds{5};  // see hold_listener.h
  };

  // The handler must outlive the gate, and must not destroy it from inside its members;
  // HeldConnects and questions may outlive it (they then do nothing). Start-up errors (socket in
  // use, directory missing) come from start().
  ShimGate(loop::Loop& loop, Options options, Handler& handler);
  ~ShimGate();
  Result<void> start();
  // Instead of start() or before it, with what an earlier process left.
  bool adopt_control(UniqueFd listening, std::uint64_t inode);
  void watch_those_left(Protocol protocol, std::vector<WatchedListener> listeners);

  // For the next process: askers wait in the control socket's queue for it.
  void stop_asking();
  bool busy() const;  // somebody who has asked is not answered, or a connect is held
  ControlSocket& control() { return control_; }
  const std::map<std::uint64_t, ProgramListener>& listeners(Protocol protocol) const {
    return (protocol == Protocol::kTcp ? listeners_ : udp_listeners_).all();
  }

  void set_name_server(const SocketAddress& at) { name_server_ = at; }
  void set_own_address(const IpAddress& own) { own_address_ = own; }
  void set_domains(std::string domains) { options_.domains = std::move(domains); }
  bool low_ports_mapped() const { return connects_.low_ports_mapped(); }
  bool refusals_exact() const { return connects_.has_raw_socket(); }
  std::size_t pending_connects() const { return connects_.size(); }
  ConnectTable& connects() { return connects_; }

 private:
  static constexpr std::size_t kMostOpen = 8192;    // askers heard or being answered: then wait
  static constexpr std::size_t kMostSilent = 1024;  // of one user, who have not asked yet
  static constexpr std::chrono::seconds kAskWithin{10};
  class Conversation;  // has connected and not asked yet

  void on_asker(UniqueFd socket, const Asker& asker) override;
  void on_listener_found(const ProgramListener& listener) override;
  void on_listener_gone(const ProgramListener& listener) override;
  void on_timer(loop::Timer& timer) override;
  WatchedListener watched(const ShimQuestion& question, const Asker& asker) const;
  void on_packet(UniqueFd socket, Asker asker, const ReceivedPacket& packet);
  void answer(UniqueFd socket, const Asker& asker, const ShimQuestion& question);
  void answer_agent(int socket);
  void answer_system_wide(int socket, const Asker& asker);
  void answer_connect(UniqueFd socket, const Asker& asker, const ShimQuestion& question);
  void on_connecting(const Asker& asker, const ReceivedPacket& pair);
  void answer_datagrams(UniqueFd socket, const Asker& asker, const ShimQuestion& question);
  std::optional<SocketAddress> virtual_address(Protocol protocol, const SocketAddress& wanted,
                                               const Asker& asker);

  loop::Loop& loop_;
  Options options_;
  std::optional<SocketAddress> name_server_;
  std::optional<IpAddress> own_address_;
  Handler& handler_;
  std::shared_ptr<std::size_t> open_count_;  // shared with the questions handed out
  ConnectTable connects_;
  LetGoDesk let_go_;
  ListenerWatch listeners_, udp_listeners_;
  std::map<uid_t, std::size_t> silent_;                     // conversations of each user
  std::list<std::unique_ptr<Conversation>> conversations_;  // oldest first
  std::shared_ptr<StatusReplies> replies_;                  // shared: see StatusQuestion
  loop::Timer sweep_;
  ControlSocket control_;
  bool asking_ended_ = false;
};

}  // namespace culvert::agent
