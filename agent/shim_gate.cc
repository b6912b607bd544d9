#include "agent/shim_gate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/passed_descriptor.h"
#include "agent/program_path.h"
#include "tunnel/base/log.h"

namespace culvert::agent {

class ShimGate::Conversation final : private loop::FdWatch::Listener {
 public:
  Conversation(ShimGate& gate, UniqueFd socket, const Asker& asker)
      : since_(gate.loop_.now()), gate_(gate), socket_(std::move(socket)), asker_(asker) {
    watch_.emplace(gate.loop_, socket_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
    ++gate.silent_[asker_.uid];
  }
  ~Conversation() {
    const auto count = gate_.silent_.find(asker_.uid);
    if (--count->second == 0) gate_.silent_.erase(count);
  }
  TimePoint since() const { return since_; }

 private:
  friend class ShimGate;
  void on_fd_ready(loop::FdWatch&, bool, bool) override {
    const auto packet = receive_packet(socket_.get());
    if (packet.nothing_yet) return;
    watch_.reset();
    auto& gate = gate_;
    auto socket = std::move(socket_);
    const auto asker = asker_;
    gate.conversations_.erase(self_);  // destroys this
    gate.on_packet(std::move(socket), asker, packet);
  }

  TimePoint since_;
  ShimGate& gate_;
  UniqueFd socket_;
  Asker asker_;
  std::list<std::unique_ptr<Conversation>>::iterator self_;
  std::optional<loop::FdWatch> watch_;
};

ShimGate::ShimGate(loop::Loop& loop, Options options, Handler& handler)
    : loop_(loop),
      options_(std::move(options)),
      handler_(handler),
      open_count_(std::make_shared<std::size_t>(0)),
      connects_(loop, options_.pool, options_.use_raw_socket, options_.hold_linger),
      let_go_(loop, connects_.holds(), open_count_),
      listeners_(loop, *this),
      udp_listeners_(loop, *this, Protocol::kUdp),
      replies_(std::make_shared<StatusReplies>(loop)),
      sweep_(loop, *this),
      control_(loop, *this) {}

ShimGate::~ShimGate() = default;

Result<void> ShimGate::start() { return control_.listen(options_.socket_path, options_.any_user); }

bool ShimGate::adopt_control(UniqueFd listening, std::uint64_t inode) {
  return control_.adopt(std::move(listening), inode, options_.socket_path, options_.any_user);
}

void ShimGate::stop_asking() {
  asking_ended_ = true;
  control_.pause();
}

bool ShimGate::busy() const {
  return !conversations_.empty() || *open_count_ != 0 || connects_.size() != 0;
}

void ShimGate::on_asker(UniqueFd socket, const Asker& asker) {
  // A shim sends its question right behind its connect(): mostly it is here already.
  const auto packet = receive_packet(socket.get());
  if (!packet.nothing_yet) {
    on_packet(std::move(socket), asker, packet);
  } else if (const auto silent = silent_.find(asker.uid);
             silent != silent_.end() && silent->second >= kMostSilent) {
    return;  // one user must not fill the queue of all
  } else {
    conversations_.push_back(std::make_unique<Conversation>(*this, std::move(socket), asker));
    conversations_.back()->self_ = std::prev(conversations_.end());
  }
  if (conversations_.size() + *open_count_ >= kMostOpen) control_.pause();
  if (!sweep_.running()) sweep_.start(std::chrono::seconds{1});
}

void ShimGate::on_timer(loop::Timer&) {
  while (!conversations_.empty() &&
         loop_.now() - conversations_.front()->since() > Duration{kAskWithin})
    conversations_.pop_front();
  if (!asking_ended_ && conversations_.size() + *open_count_ < kMostOpen) control_.resume();
  if (!conversations_.empty() || *open_count_ > 0) sweep_.start(std::chrono::seconds{1});
}

void ShimGate::on_packet(UniqueFd socket, Asker asker, const ReceivedPacket& packet) {
  asker.shown = packet.shown;
  if (packet.size == 0) return;  // hung up
  if (packet.is_pair()) return on_connecting(asker, packet);
  const auto question = parse_question(packet.bytes());
  if (!question) {
    log::warning("gate",
                 {{"event", "ignored"}, {"pid", asker.pid}, {"why", question.error().detail}});
    send_answer(socket.get(), make_answer(CULVERT_TRY_AGAIN));
    return;
  }
  answer(std::move(socket), asker, *question);
}

void ShimGate::watch_those_left(Protocol protocol, std::vector<WatchedListener> listeners) {
  (protocol == Protocol::kTcp ? listeners_ : udp_listeners_).add_those_left(std::move(listeners));
}

// Who tells it for a program (a porter, a supervisor) names that, which is to be asked for and
// remembered: one of the same user, or it is the teller itself.
WatchedListener ShimGate::watched(const ShimQuestion& question, const Asker& asker) const {
  WatchedListener told{question.cookie, asker};
  told.kernel_chose =
      question.kind == CULVERT_TELL_BOUND && (question.flags & CULVERT_KERNEL_CHOSE) != 0;
  told.asks_accepted = (question.flags & CULVERT_ASKS_ACCEPTED) != 0;
  if ((question.flags & CULVERT_STANDS_IN) != 0 && question.name.size() == kTokenSize) {
    told.token = question.name;
    told.local = question.address;
  } else {
    told.said = question.address;
  }
  const auto program = static_cast<pid_t>(question.flags >> CULVERT_PROGRAM_SHIFT);
  struct stat facts {};
  const auto path = "/proc/" + std::to_string(program);
  if (program > 0 && ::stat(path.c_str(), &facts) == 0 && facts.st_uid == asker.uid)
    told.asker.pid = program;
  if (options_.publishes && !told.kernel_chose) told.program = program_of(told.asker.pid);
  return told;
}

void ShimGate::answer(UniqueFd socket, const Asker& asker, const ShimQuestion& question) {
  switch (question.kind) {
    case CULVERT_ASK_NAME:
      return handler_.on_name_asked(std::make_unique<NameQuestion>(
          std::move(socket), asker, open_count_, question.name, question.family));
    case CULVERT_ASK_ADDRESS:
      return handler_.on_address_asked(std::make_unique<AddressQuestion>(
          std::move(socket), asker, open_count_, question.address.ip));
    case CULVERT_ASK_CONNECT: return answer_connect(std::move(socket), asker, question);
    case CULVERT_TELL_CONNECTING: return;  // of a connect that was never announced
    case CULVERT_ASK_ERROR: {
      const auto error = connects_.failures().ask(question.cookie, loop_.now());
      send_answer(socket.get(),
                  make_error_answer(error ? CULVERT_FOUND : CULVERT_NOT_OURS, error.value_or(0)));
      return;
    }
    case CULVERT_ASK_TO_LET_GO: return let_go_.ask(std::move(socket), question.address.port);
    case CULVERT_ASK_TO_SHARE:
      return handler_.on_share_asked(std::move(socket), question.address.port,
                                     (question.flags & CULVERT_SHARES_ITSELF) != 0);
    case CULVERT_ASK_WANTED_PORT: {
      const auto port = connects_.holds().wanted_port(question.address);
      send_answer(socket.get(), port ? make_answer(CULVERT_FOUND, {question.address.ip, *port})
                                     : make_answer(CULVERT_NOT_OURS));
      return;
    }
    case CULVERT_TELL_LISTENING:
      send_answer(socket.get(), make_answer(CULVERT_FOUND));
      return listeners_.add(watched(question, asker));
    case CULVERT_TELL_BOUND:  // its port is shared until the answer
      udp_listeners_.add(watched(question, asker));
      send_answer(socket.get(), make_answer(CULVERT_FOUND));
      return;
    case CULVERT_ASK_ACCEPTED: {
      const auto meant = handler_.on_accepted(question.address, question.cookie, asker);
      const auto reply = make_answer(meant ? CULVERT_FOUND : CULVERT_NOT_OURS);
      send_passing(socket.get(), std::as_bytes(std::span{&reply, 1}), meant.get());
      return;
    }
    case CULVERT_ASK_SENDER: {
      const auto other = handler_.on_sender_asked(question.address,
                                                  static_cast<std::uint16_t>(question.flags >> 16));
      send_answer(socket.get(),
                  other ? make_answer(CULVERT_FOUND, *other) : make_answer(CULVERT_NOT_OURS));
      return;
    }
    case CULVERT_ASK_DATAGRAMS: return answer_datagrams(std::move(socket), asker, question);
    case CULVERT_ASK_AGENT: return answer_agent(socket.get());
    case CULVERT_TELL_SYSTEM_WIDE: return answer_system_wide(socket.get(), asker);
    case CULVERT_TELL_PROXY:
      send_answer(socket.get(),
                  make_answer(handler_.on_proxy_told(asker, question.name) ? CULVERT_FOUND
                                                                           : CULVERT_NOT_OURS));
      return;
    case CULVERT_ASK_FORWARDING: return replies_->send(std::move(socket), options_.forwarding);
    case CULVERT_ASK_WHY:
      return handler_.on_why_asked(
          std::make_unique<StatusQuestion>(std::move(socket), asker, replies_), question.name);
    case CULVERT_ASK_DNS:
      send_answer(socket.get(), name_server_ ? make_answer(CULVERT_FOUND, *name_server_)
                                             : make_answer(CULVERT_NOT_OURS));
      return;
    case CULVERT_ASK_OWN_ADDRESS:
      send_answer(socket.get(), own_address_ ? make_answer(CULVERT_FOUND, {*own_address_, 0})
                                             : make_answer(CULVERT_NOT_OURS));
      return;
    case CULVERT_ASK_STATUS:
      return handler_.on_status_asked(
          std::make_unique<StatusQuestion>(std::move(socket), asker, replies_));
  }
}

void ShimGate::answer_agent(int socket) {
  const SocketAddress pool{options_.pool.address, static_cast<std::uint16_t>(options_.pool.length)};
  auto answer = make_answer(CULVERT_FOUND, pool, options_.domains);
  if (low_ports_mapped()) answer.flags |= CULVERT_LOW_PORTS_MAPPED;
  if (options_.publishes) answer.flags |= CULVERT_PUBLISHES;
  if (options_.publishes_all) answer.flags |= CULVERT_PUBLISHES_ALL;
  send_answer(socket, answer);
}

void ShimGate::answer_system_wide(int socket, const Asker& asker) {
  if (asker.uid != 0 && asker.uid != ::geteuid()) {
    send_answer(socket, make_error_answer(CULVERT_FAIL, EPERM));
    return;
  }
  const auto on = handler_.on_system_wide_told();
  auto answer = make_answer(on && *on ? CULVERT_FOUND : CULVERT_NOT_OURS);
  if (!on) answer = make_answer(CULVERT_FAIL, {}, on.error().detail);
  send_answer(socket, answer);
}

void ShimGate::answer_datagrams(UniqueFd socket, const Asker& asker, const ShimQuestion& question) {
  const auto to = virtual_address(Protocol::kUdp, question.address, asker);
  if (!to) {
    send_answer(socket.get(), make_answer(CULVERT_NOT_OURS));
    return;
  }
  handler_.on_datagrams_asked(std::make_unique<DatagramQuestion>(
      std::move(socket), asker, open_count_, *to,
      DatagramQuestion::Sender{question.cookie, static_cast<std::uint16_t>(question.flags >> 16),
                               (question.flags & CULVERT_AT_OWN_ADDRESS) != 0 && own_address_
                                   ? *own_address_
                                   : IpAddress::v4(INADDR_LOOPBACK)}));
}

std::optional<SocketAddress> ShimGate::virtual_address(Protocol protocol,
                                                       const SocketAddress& wanted,
                                                       const Asker& asker) {
  if (options_.pool.contains(wanted.ip)) return wanted;
  const auto stand_in = handler_.stand_in(protocol, wanted.ip, asker);
  if (!stand_in) return std::nullopt;
  return SocketAddress{*stand_in, wanted.port};
}

// The program's socket waits in SYN_SENT already, so all that can be said to it is said there.
void ShimGate::on_connecting(const Asker& asker, const ReceivedPacket& pair) {
  const auto ignored = [&](const std::string& why) {
    log::warning("gate", {{"event", "ignored"}, {"pid", asker.pid}, {"why", why}});
  };
  const auto question = parse_question(pair.first());
  const auto told = parse_question(pair.second());
  if (!question || !told) return ignored((question ? told : question).error().detail);
  if (question->kind != CULVERT_ASK_CONNECT || told->kind != CULVERT_TELL_CONNECTING)
    return ignored("two packets in one message that do not belong together");
  const auto to = virtual_address(Protocol::kTcp, question->address, asker);
  if (!to) return ignored("a connect to " + question->address.to_string() + " is not ours");
  connects_.failures().forget(question->cookie);  // of an earlier connect of this socket
  const auto added = connects_.add(asker, question->cookie, *to);
  if (!added) {
    connects_.failures().remember(question->cookie, to_errno(added.error().code), loop_.now());
    return ignored(added.error().detail);
  }
  if (added->fresh == nullptr) return;
  handler_.on_connect(std::make_unique<HeldConnect>(*added->fresh));
  connects_.on_told(question->cookie, *told);
}

void ShimGate::answer_connect(UniqueFd socket, const Asker& asker, const ShimQuestion& question) {
  const auto refuse = [&](ErrorCode code) {
    send_answer(socket.get(), make_error_answer(CULVERT_FAIL, to_errno(code)));
  };
  const auto virtual_one = virtual_address(Protocol::kTcp, question.address, asker);
  if (!virtual_one) {
    send_answer(socket.get(), make_answer(CULVERT_NOT_OURS));
    return;
  }
  const auto& to = *virtual_one;
  connects_.failures().forget(question.cookie);  // of an earlier connect of this socket
  const auto added = connects_.add(asker, question.cookie, to);
  if (!added) {
    log::warning("connect", {{"event", "refused"},
                             {"to", to.to_string()},
                             {"pid", asker.pid},
                             {"why", added.error().detail}});
    return refuse(added.error().code);
  }
  auto hold = make_answer(CULVERT_HOLD, added->held_at);
  if (options_.hold_linger >= 2 * std::chrono::seconds{CULVERT_HOLD_SECONDS})
    hold.flags |= CULVERT_HOLDS_ON;
  if (added->held_at.port == CULVERT_LOW_PORT_BASE + to.port)
    hold.flags |= CULVERT_LOW_PORTS_MAPPED;
  if (added->fresh == nullptr) {
    send_answer(socket.get(), hold);
    return;
  }
  handler_.on_connect(std::make_unique<HeldConnect>(*added->fresh));
  if (const auto decision = connects_.check_decision(question.cookie); !decision)
    return refuse(decision.error().code);
  // If the shim went away meanwhile, its end of file says so.
  send_answer(socket.get(), hold);
  connects_.listen_to_shim(question.cookie, std::move(socket));
}

void ShimGate::on_listener_found(const ProgramListener& listener) {
  handler_.on_listening(listener);
}

void ShimGate::on_listener_gone(const ProgramListener& listener) {
  handler_.on_listener_gone(listener);
}

}  // namespace culvert::agent
