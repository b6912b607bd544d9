// The calls that send and receive with an address: it may be a virtual one, or a name server.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "agent/program_message.h"
#include "agent/program_socket.h"
#include "agent/supervised_calls.h"

namespace culvert::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kMostMessages = 1024;  // UIO_MAXIOV: the kernel takes no more
constexpr int kLookAgainMs = 50;          // whether the program still waits
// An argument of these system calls.
constexpr unsigned kData = 1, kSize = 2, kFlags = 3, kAddress = 4, kLength = 5;  // *to, *from
constexpr unsigned kMessage = 1, kMessageFlags = 2;                              // *msg
constexpr unsigned kCount = 2, kTime = 4;                                        // *mmsg

std::int64_t outcome(std::int64_t result) { return result < 0 ? -errno : result; }

// A blocking one is waited for here: so it goes on by itself when a signal interrupts the program,
// and takes nothing that a later call should get. Nothing: nobody waits any more.
std::optional<std::int64_t> receive(const NotifiedCall& call, const UniqueFd& socket, msghdr& into,
                                    int flags, Clock::time_point until, CallCrew::Turn& turn) {
  const auto room = into;
  for (;;) {
    into = room;
    const auto result = outcome(::recvmsg(socket.get(), &into, flags | MSG_DONTWAIT));
    if (result != -EAGAIN || Clock::now() >= until) return result;
    turn.may_take_long();
    if (!call.waits()) return std::nullopt;
    pollfd look{socket.get(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(&look, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, kLookAgainMs)));
  }
}

Clock::time_point receive_until(const UniqueFd& socket, int flags) {
  const bool waits = (flags & MSG_DONTWAIT) == 0 && is_blocking(socket);
  return waits ? deadline_of(socket, SO_RCVTIMEO) : Clock::time_point::min();
}

std::uint64_t nth_message(const NotifiedCall& call, unsigned index) {
  return call.argument(kMessage) + std::uint64_t{index} * sizeof(mmsghdr);
}

bool write_size(const NotifiedCall& call, unsigned index, std::int64_t size) {
  const auto value = static_cast<unsigned>(size);
  return call.write(nth_message(call, index) + offsetof(mmsghdr, msg_len), &value, sizeof value);
}

unsigned message_count(const NotifiedCall& call) {
  return std::min(static_cast<unsigned>(call.argument(kCount)), kMostMessages);
}

}  // namespace

bool SupervisedCalls::takes(const ProgramAddress& to) const {
  return to.is_internet() && (names_.is_name_server(to.value()) || concerns_us(to.value()));
}

// What a connected TCP socket sends is its own, whatever address is with it.
UniqueFd SupervisedCalls::sender(const NotifiedCall& call, int flags) const {
  auto socket = call.descriptor();
  if (socket && !((flags & MSG_FASTOPEN) != 0 ? is_internet(socket) : is_datagram(socket)))
    socket.reset();
  return socket;
}

void SupervisedCalls::direct(const UniqueFd& socket, ProgramAddress& to) {
  if (!to.is_internet()) return;
  if (!names_.is_name_server(to.value())) {
    if (!agent_.pool.contains(to.value().ip) && is_datagram(socket))
      to_ordinary_.remember(cookie_of(socket), {});
    return;
  }
  names_.remember(cookie_of(socket), to);
  to = as_family(*names_.agents(), option_of(socket, SO_DOMAIN));
}

std::int64_t SupervisedCalls::send(const NotifiedCall& call, const UniqueFd& socket,
                                   ProgramMessage& message, int flags, Turn& turn) {
  if (const int error = message.make_room(call, /*filled=*/true); error != 0) return -error;
  direct(socket, message.name);
  iovec all{};
  const auto ours = message.as_ours(all);
  turn.may_take_long();
  return outcome(::sendmsg(socket.get(), &ours, flags | MSG_NOSIGNAL));
}

void SupervisedCalls::send_to(const NotifiedCall& call, Turn& turn) {
  auto to = read_address(call, kAddress, kLength);
  const int flags = call.int_argument(kFlags);
  if (!to || !takes(*to) || (flags & MSG_ZEROCOPY) != 0) return call.let_run();
  const auto socket = sender(call, flags);
  if (!socket) return call.let_run();
  std::vector<char> content(std::min<std::size_t>(call.argument(kSize), ProgramMessage::kLargest));
  if (!content.empty() && !call.read(call.argument(kData), content.data(), content.size()))
    return finish(call, -EFAULT);
  direct(socket, *to);
  turn.may_take_long();
  finish(call, outcome(::sendto(socket.get(), content.data(), content.size(), flags | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&to->storage), to->length)));
}

// MSG_ZEROCOPY: nobody may send from memory of ours that is gone afterwards.
void SupervisedCalls::send_message(const NotifiedCall& call, Turn& turn) {
  ProgramMessage message;
  const int flags = call.int_argument(kMessageFlags);
  if ((flags & MSG_ZEROCOPY) != 0 || !message.read_name(call, call.argument(kMessage)) ||
      !takes(message.name))
    return call.let_run();
  const auto socket = sender(call, flags);
  if (!socket) return call.let_run();
  finish(call, send(call, socket, message, flags, turn));
}

bool SupervisedCalls::takes_any(const NotifiedCall& call) const {
  std::vector<mmsghdr> headers(message_count(call));
  if (headers.empty() ||
      !call.read(call.argument(kMessage), headers.data(), headers.size() * sizeof(mmsghdr)))
    return false;
  const void* looked_at = nullptr;  // one address for all, often
  return std::any_of(headers.begin(), headers.end(), [&](const mmsghdr& one) {
    const auto& [name, size] = std::pair(one.msg_hdr.msg_name, one.msg_hdr.msg_namelen);
    ProgramAddress to;
    if (name == looked_at || size > sizeof to.storage) return false;
    looked_at = name;
    to.length = size;
    return call.read(reinterpret_cast<std::uintptr_t>(name), &to.storage, size) && takes(to);
  });
}

// As far as it goes: an error behind the first is not told.
void SupervisedCalls::send_messages(const NotifiedCall& call, Turn& turn) {
  const int flags = call.int_argument(kFlags);
  if ((flags & MSG_ZEROCOPY) != 0 || !takes_any(call)) return call.let_run();
  const auto socket = sender(call, flags);
  if (!socket) return call.let_run();
  unsigned sent = 0;
  std::int64_t last = 0;
  for (const auto count = message_count(call); sent < count && call.waits(); ++sent) {
    ProgramMessage message;
    last = message.read_name(call, nth_message(call, sent))
               ? send(call, socket, message, flags, turn)
               : -EFAULT;
    if (last >= 0 && !write_size(call, sent, last)) last = -EFAULT;
    if (last < 0) break;
  }
  finish(call, sent > 0 ? std::int64_t{sent} : last);
}

// Only who may hear from another address than the one that it knows. Ordinary hosts are shown by
// the shim, in this process's recvmsg().
bool SupervisedCalls::may_hear_others(const UniqueFd& socket) const {
  if (!socket || !is_datagram(socket)) return false;
  const auto cookie = cookie_of(socket);
  return names_.asked_by(cookie) || to_ordinary_.find(cookie);
}

void SupervisedCalls::show_asked(const UniqueFd& socket, ProgramAddress& from) const {
  if (!from.is_internet() || from.value() != names_.agents()) return;
  if (const auto asked = names_.asked_by(cookie_of(socket))) from = *asked;
}

void SupervisedCalls::receive_from(const NotifiedCall& call, Turn& turn) {
  const auto socket = call.descriptor();
  if (!may_hear_others(socket)) return call.let_run();
  std::vector<char> content(std::min<std::size_t>(call.argument(kSize), ProgramMessage::kLargest));
  ProgramAddress from;
  iovec all{content.data(), content.size()};
  msghdr into{};
  into.msg_name = &from.storage;
  into.msg_namelen = sizeof from.storage;
  into.msg_iov = &all;
  into.msg_iovlen = 1;
  const int flags = call.int_argument(kFlags);
  const auto size = receive(call, socket, into, flags, receive_until(socket, flags), turn);
  if (!size) return;
  if (*size < 0) return finish(call, *size);
  from.length = into.msg_namelen;
  show_asked(socket, from);
  const auto kept = std::min(static_cast<std::size_t>(*size), content.size());
  const bool written = call.write(call.argument(kData), content.data(), kept) &&
                       write_value(call, kAddress, kLength, &from.storage, from.length);
  finish(call, written ? *size : -EFAULT);
}

std::optional<std::int64_t> SupervisedCalls::receive_one(const NotifiedCall& call,
                                                         const UniqueFd& socket, std::uint64_t at,
                                                         int flags, Clock::time_point until,
                                                         Turn& turn) const {
  ProgramMessage message;
  message.at = at;
  if (!call.read(at, &message.header, sizeof message.header)) return -EFAULT;
  if (const int error = message.make_room(call, /*filled=*/false); error != 0) return -error;
  message.name.length = sizeof message.name.storage;
  iovec all{};
  auto ours = message.as_ours(all);
  const auto size = receive(call, socket, ours, flags, until, turn);
  if (!size || *size < 0) return size;
  message.name.length = ours.msg_namelen;
  show_asked(socket, message.name);
  ours.msg_namelen = message.name.length;
  return message.write_back(call, ours, static_cast<std::size_t>(*size)) ? size : -EFAULT;
}

void SupervisedCalls::receive_message(const NotifiedCall& call, Turn& turn) {
  const int flags = call.int_argument(kMessageFlags);
  if (nobody_hears_others() || (flags & MSG_ERRQUEUE) != 0) return call.let_run();
  const auto socket = call.descriptor();
  if (!may_hear_others(socket)) return call.let_run();
  const auto result =
      receive_one(call, socket, call.argument(kMessage), flags, receive_until(socket, flags), turn);
  if (result) finish(call, *result);
}

void SupervisedCalls::receive_messages(const NotifiedCall& call, Turn& turn) {
  int flags = call.int_argument(kFlags);
  if (nobody_hears_others() || (flags & MSG_ERRQUEUE) != 0) return call.let_run();
  const auto socket = call.descriptor();
  if (!may_hear_others(socket)) return call.let_run();
  timespec limit{};
  const auto time = call.argument(kTime);
  if (time != 0 && !call.read(time, &limit, sizeof limit)) return finish(call, -EFAULT);
  const auto ends =
      Clock::now() + std::chrono::seconds{limit.tv_sec} + std::chrono::nanoseconds{limit.tv_nsec};
  unsigned got = 0;
  std::int64_t last = 0;
  for (const auto count = message_count(call); got < count; ++got) {
    const auto result = receive_one(call, socket, nth_message(call, got), flags & ~MSG_WAITFORONE,
                                    receive_until(socket, flags), turn);
    if (!result) return;
    last = *result;
    if (last >= 0 && !write_size(call, got, last)) last = -EFAULT;
    if (last < 0) break;
    if ((flags & MSG_WAITFORONE) != 0) flags |= MSG_DONTWAIT;
    if (time != 0 && Clock::now() >= ends) flags |= MSG_DONTWAIT;  // as late as the kernel
  }
  const auto left = std::max<std::chrono::nanoseconds>(ends - Clock::now(), {});
  limit = {static_cast<time_t>(left.count() / 1'000'000'000),
           static_cast<long>(left.count() % 1'000'000'000)};
  if (time != 0) (void)call.write(time, &limit, sizeof limit);
  finish(call, got > 0 ? std::int64_t{got} : last);
}

}  // namespace culvert::agent
