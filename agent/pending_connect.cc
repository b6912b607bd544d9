#include "agent/pending_connect.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "agent/connect_table.h"
#include "agent/program_join.h"
#include "agent/shim_packet.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kFirstOrdinaryPort = 1024;
constexpr int kMostRefusals = 4;  // then the failure is reported the other way

// What other machines and silence say, a non-blocking connect() never returns itself, not even
// where the refusing port is of this machine (Linux; Tcl tells the difference). It returns what its
// own machine finds: that there is no route.
bool comes_from_afar(ErrorCode code) {
  const int error = to_errno(code);
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ETIMEDOUT ||
         error == ECONNRESET;
}

}  // namespace

PendingConnect::PendingConnect(loop::Loop& loop, ConnectTable& table, const Asker& asker,
                               std::uint64_t cookie, const SocketAddress& to, HoldTable::Held held)
    : Deferred(loop),
      loop_(loop),
      table_(table),
      asker_(asker),
      cookie_(cookie),
      to_(to),
      held_at_(held.address),
      hold_(std::move(held.lease)),
      since_(loop.now()) {}

PendingConnect::~PendingConnect() {
  if (handle_ != nullptr) handle_->pending_ = nullptr;
}

std::optional<ErrorCode> PendingConnect::failed_at_home() const {
  if (decision_ != Decision::kFail || phase_ != Phase::kAnnounced || comes_from_afar(code_))
    return std::nullopt;
  return code_;
}

void PendingConnect::set_phase(Phase phase) {
  phase_ = phase;
  since_ = loop_.now();
}

void PendingConnect::complete() {
  assert(decision_ == Decision::kNone);
  decision_ = Decision::kComplete;
  if (phase_ == Phase::kConnecting) schedule();
}

void PendingConnect::fail(ErrorCode code) {
  handle_ = nullptr;
  decision_ = Decision::kFail;
  code_ = code;
  if (phase_ == Phase::kConnecting) schedule();
}

void PendingConnect::listen_to_shim(UniqueFd conversation) {
  conversation_ = std::move(conversation);
  watch_.emplace(loop_, conversation_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
}

void PendingConnect::on_fd_ready(loop::FdWatch&, bool, bool) {
  if (phase_ == Phase::kAnnounced) return on_shim_spoke();
  on_joined();
}

void PendingConnect::on_shim_spoke() {
  const auto packet = receive_packet(conversation_.get());
  if (packet.nothing_yet) return;
  const auto told = parse_question(packet.bytes());
  if (!told || told->kind != CULVERT_TELL_CONNECTING)
    return abandon("the shim hung up before it connected");
  watch_->stop_and_close(conversation_);
  watch_.reset();
  on_told(*told);
}

void PendingConnect::on_told(const ShimQuestion& told) {
  if (told.cookie != cookie_ || !told.address.ip.is_v4())
    return abandon("the shim spoke of another socket");
  program_ = told.address;
  set_phase(Phase::kConnecting);
  if (decision_ != Decision::kNone) return carry_out();
  // Servers trust these (rcmd(3)): whose it is, the kernel says, not the shim.
  if (program_.port < kFirstOrdinaryPort && !is_the_announced_socket())
    return abandon("the socket that its shim spoke of is not its own");
  if (handle_ != nullptr && handle_->listener_ != nullptr)
    handle_->listener_->on_connecting_from(*handle_, program_.port);
}

// Nobody may make us join or reset a socket of another user: the kernel says whose it is. Asked
// right before, as the port of a socket that is gone may belong to another program's by now.
bool PendingConnect::is_the_announced_socket() {
  const auto found = table_.diag_.find(program_, held_at_, cookie_);
  return found && found->state == TCP_SYN_SENT && asker_.may_speak_for(cookie_, found->uid);
}

void PendingConnect::carry_out() {
  if (phase_ == Phase::kJoining) return;
  if (!is_the_announced_socket())
    return abandon("the program gave up, or the socket that its shim spoke of is not its own");
  if (decision_ == Decision::kFail) return carry_out_failure();
  join();
}

void PendingConnect::take_syn(CaughtSyn caught) {
  program_ = caught.syn.program;
  if (!caught_) set_phase(Phase::kConnecting);
  caught_ = std::move(caught);
}

void PendingConnect::on_let_in(UniqueFd ours) {
  if (phase_ != Phase::kJoining) return;  // nobody has let it in: not this one's connection
  ours_ = std::move(ours);
  hand_over();
}

void PendingConnect::join() {
  set_phase(Phase::kJoining);
  if (caught_) {
    if (!table_.catcher_ || !table_.catcher_->let_in(*caught_)) abandon("its SYN cannot be sent");
    return;
  }
  auto opened = join_program(program_, held_at_);
  if (!opened) return abandon(opened.error().detail);
  ours_ = std::move(*opened);
  watch_.emplace(loop_, ours_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  on_joined();  // mostly it is over already
}

void PendingConnect::on_joined() {
  const int error = join_outcome(ours_, program_);
  if (error == EALREADY) return watch_->start(/*readable=*/false, /*writable=*/true);
  if (error != 0) return abandon(std::strerror(error));
  watch_.reset();
  hand_over();
}

void PendingConnect::hand_over() {
  if (decision_ == Decision::kFail) {  // changed its mind in between
    const linger at_once{1, 0};
    setsockopt(ours_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return end();
  }
  auto* handle = std::exchange(handle_, nullptr);
  auto ours = std::move(ours_);
  if (handle != nullptr) handle->pending_ = nullptr;
  end();
  if (handle != nullptr && handle->listener_ != nullptr)
    handle->listener_->on_connect_completed(*handle, std::move(ours));
}

void PendingConnect::carry_out_failure() {
  const int error = to_errno(code_);
  // No packet says so, but silence: the program's own timer.
  if (caught_ && error == ETIMEDOUT) return;
  if (table_.refusal_ && refusals_tried_ < kMostRefusals) {
    if (forge_refusal(error)) return end();
    ++refusals_tried_;  // no SYN seen yet: the sweep tries again after the program repeated it
    return;
  }
  table_.failures_.remember(cookie_, error, loop_.now());
  set_phase(Phase::kJoining);
  auto opened = reset_program(program_, held_at_);
  if (!opened) return abandon(opened.error().detail);
  ours_ = std::move(*opened);
  if (!table_.diag_.find(program_, held_at_, cookie_)) end();
  // Else a firewall is in the way: the sweep ends this when the program repeated its SYN-ACK.
}

bool PendingConnect::forge_refusal(int error) {
  const auto sequence =
      caught_ ? std::optional{caught_->syn.sequence} : table_.syns_->sequence(program_, held_at_);
  if (!sequence) return false;
  const HeldSyn syn{program_, held_at_, *sequence};
  ByteVector packet;
  if (error == EHOSTUNREACH) {
    packet = make_unreachable(syn, IcmpUnreachable::kHost);
  } else if (error == ENETUNREACH) {
    packet = make_unreachable(syn, IcmpUnreachable::kNetwork);
  } else {
    packet = make_reset(syn);  // no packet means the other errors: the shim asks for them
    if (error != ECONNREFUSED) table_.failures_.remember(cookie_, error, loop_.now());
  }
  if (!table_.refusal_->send(syn.program.ip, packet)) return false;
  // Linux drops an ICMP error for a socket that its program is just inside a system call with.
  for (int again = 0; again < 3 && is_the_announced_socket(); ++again)
    table_.refusal_->send(syn.program.ip, packet);
  return true;
}

void PendingConnect::try_again() {
  if (decision_ == Decision::kFail) carry_out();
}

void PendingConnect::fail_at_once() {
  if (phase_ != Phase::kConnecting || decision_ == Decision::kComplete) return;
  if (caught_) return;  // the program repeats its SYN: the next agent, or the kernel, answers
  if (!is_the_announced_socket()) return;
  if (!table_.refusal_ || !forge_refusal(ENETUNREACH)) (void)reset_program(program_, held_at_);
}

void PendingConnect::abandon(std::string_view why) {
  log::debug("connect",
             {{"event", "abandoned"}, {"to", to_.to_string()}, {"pid", asker_.pid}, {"why", why}});
  auto* handle = std::exchange(handle_, nullptr);
  if (handle != nullptr) handle->pending_ = nullptr;
  end();
  if (handle != nullptr && handle->listener_ != nullptr)
    handle->listener_->on_connect_abandoned(*handle);
}

void PendingConnect::end() { table_.remove(*this); }

}  // namespace culvert::agent
