#include "agent/shim_gate.h"

#include <unistd.h>

#include <cerrno>

#include "tunnel/base/log.h"

namespace culvert::agent {

class ShimGate::Conversation final : private loop::FdWatch::Listener {
 public:
  Conversation(ShimGate& gate, UniqueFd socket, const Asker& asker)
      : since_(gate.loop_.now()), gate_(gate), socket_(std::move(socket)), asker_(asker) {
    watch_.emplace(gate.loop_, socket_.get(), static_cast<loop::FdWatch::Listener&>(*this));
    watch_->start(/*readable=*/true, /*writable=*/false);
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

void ShimGate::on_packet(UniqueFd socket, const Asker& asker, const ReceivedPacket& packet) {
  if (packet.size == 0) return;  // hung up
  const auto question = parse_question(packet.bytes());
  if (!question) {
    log::warning("gate",
                 {{"event", "ignored"}, {"pid", asker.pid}, {"why", question.error().detail}});
    send_answer(socket.get(), make_answer(CULVERT_TRY_AGAIN));
    return;
  }
  answer(std::move(socket), asker, *question);
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
    case CULVERT_TELL_LISTENING:
      send_answer(socket.get(), make_answer(CULVERT_FOUND));
      return listeners_.add(question.cookie, asker);
    case CULVERT_TELL_BOUND:
      send_answer(socket.get(), make_answer(CULVERT_FOUND));
      return udp_listeners_.add(question.cookie, asker);
    case CULVERT_ASK_DATAGRAMS:
      return handler_.on_datagrams_asked(std::make_unique<DatagramQuestion>(
          std::move(socket), asker, open_count_, question.address,
          DatagramQuestion::Sender{question.cookie,
                                   static_cast<std::uint16_t>(question.flags >> 16)}));
    case CULVERT_ASK_AGENT: return answer_agent(socket.get());
    case CULVERT_TELL_SYSTEM_WIDE: return answer_system_wide(socket.get(), asker);
    case CULVERT_ASK_FORWARDING: return replies_->send(std::move(socket), options_.forwarding);
    case CULVERT_ASK_WHY:
      return handler_.on_why_asked(
          std::make_unique<StatusQuestion>(std::move(socket), asker, replies_), question.name);
    case CULVERT_ASK_DNS:
      send_answer(socket.get(), name_server_ ? make_answer(CULVERT_FOUND, *name_server_)
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

void ShimGate::answer_connect(UniqueFd socket, const Asker& asker, const ShimQuestion& question) {
  const auto refuse = [&](ErrorCode code) {
    send_answer(socket.get(), make_error_answer(CULVERT_FAIL, to_errno(code)));
  };
  auto to = question.address;
  if (!options_.pool.contains(to.ip)) {
    const auto stand_in = handler_.stand_in(to.ip, asker);
    if (!stand_in) {
      send_answer(socket.get(), make_answer(CULVERT_NOT_OURS));
      return;
    }
    to.ip = *stand_in;
  }
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
