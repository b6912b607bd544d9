#include "tunnel/loop/udp_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace culvert::loop {
namespace {

constexpr std::size_t kLargest = 65'536;
constexpr int kRounds = 8;                  // then the others have their turn
constexpr std::size_t kMostInOne = 65'000;  // octets of one UDP_SEGMENT call
constexpr int kSocketBuffer = 4 << 20;      // the kernel gives less where the admin says so

struct alignas(cmsghdr) ControlBuffer {
  std::array<std::byte, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)> octets;
};

// One set for all sockets of the thread: an idle socket holds no buffer.
struct Batch {
  std::array<std::byte, kLargest * UdpSocket::kBatch> octets;
  std::array<mmsghdr, UdpSocket::kBatch> messages;
  std::array<iovec, UdpSocket::kBatch> parts;
  std::array<sockaddr_storage, UdpSocket::kBatch> names;
  std::array<ControlBuffer, UdpSocket::kBatch> controls;
};
Batch& batch() {
  static thread_local Batch all;
  return all;
}

template <class Value>  // octets that it takes, behind which another one may stand
std::size_t put_control(MutableBytes into, int level, int type, const Value& value) {
  cmsghdr head{};
  head.cmsg_level = level;
  head.cmsg_type = type;
  head.cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(into.data(), &head, sizeof head);
  std::memcpy(into.data() + CMSG_LEN(0), &value, sizeof value);
  return CMSG_SPACE(sizeof value);
}

std::size_t segment_of(msghdr& message, std::size_t whole) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_UDP || part->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(part), sizeof size);
    if (size > 0) return static_cast<std::size_t>(size);
  }
  return whole;
}

}  // namespace

UniqueFd make_udp_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  return fd;
}

UdpSocket::UdpSocket(Loop& loop, UniqueFd fd, Listener& listener)
    : listener_(listener), fd_(std::move(fd)), watch_(loop, fd_.get(), *this) {
  watch_.start(/*readable=*/true, /*writable=*/false);
}

UdpSocket::~UdpSocket() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  watch_.stop_and_close(fd_);
}

void UdpSocket::read_now() {
  for (int round = 0; round < kRounds; ++round)
    if (!read_batch()) return;
}

bool UdpSocket::read_batch() {
  auto& all = batch();
  for (std::size_t i = 0; i < kBatch; ++i) {
    all.parts[i] = {all.octets.data() + i * kLargest, kLargest};
    auto& head = all.messages[i].msg_hdr;
    head = {};
    head.msg_name = &all.names[i];
    head.msg_namelen = sizeof all.names[i];
    head.msg_iov = &all.parts[i];
    head.msg_iovlen = 1;
    head.msg_control = &all.controls[i];
    head.msg_controllen = sizeof all.controls[i];
  }
  const int got = ::recvmmsg(fd_.get(), all.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  bool destroyed = false;
  destroyed_ = &destroyed;
  if (got < 0) {
    const int error = errno;
    const bool nothing = error == EAGAIN || error == EINTR;
    if (!nothing) listener_.on_receive_failed(*this, error);
    if (!destroyed) destroyed_ = nullptr;
    return !nothing && !destroyed;
  }
  for (int i = 0; i < got && !destroyed; ++i) {
    auto& message = all.messages[static_cast<std::size_t>(i)];
    const auto from = SocketAddress::from(static_cast<const sockaddr*>(message.msg_hdr.msg_name));
    const Bytes data{all.octets.data() + static_cast<std::size_t>(i) * kLargest, message.msg_len};
    listener_.on_received(*this, from, data, segment_of(message.msg_hdr, data.size()));
  }
  if (!destroyed) listener_.on_batch_ended(*this);
  if (destroyed) return false;
  destroyed_ = nullptr;
  return got == kBatch;
}

UdpWriter::UdpWriter(int fd, const SocketAddress* to, const IpAddress* from) : fd_(fd) {
  if (to != nullptr) to_length_ = to->fill(to_);
  if (from != nullptr) from_ = *from;
}

void UdpWriter::add(Bytes datagram) {
  datagrams_[count_++] = datagram;
  if (count_ == kMost) flush();
}

void UdpWriter::flush() {
  if (count_ == 0) return;
  send(/*segmented=*/true);
  count_ = 0;
}

// Runs of one size (the last may be shorter) are one message, which the kernel cuts.
void UdpWriter::send(bool segmented) {
  std::array<iovec, kMost> parts;
  std::array<mmsghdr, kMost> messages;
  std::array<ControlBuffer, kMost> controls;
  std::array<std::size_t, kMost> first;  // datagram of a message
  std::size_t made = 0;
  for (std::size_t i = 0; i < count_;) {
    const auto size = datagrams_[i].size();
    std::size_t octets = 0, end = i;
    do {
      const auto& one = datagrams_[end];
      parts[end] = {const_cast<std::byte*>(one.data()), one.size()};
      octets += one.size();
      ++end;
    } while (segmented && size != 0 && end < count_ && datagrams_[end - 1].size() == size &&
             datagrams_[end].size() <= size && !datagrams_[end].empty() &&
             octets + datagrams_[end].size() <= kMostInOne);
    auto& head = messages[made].msg_hdr;
    head = {};
    head.msg_name = to_length_ == 0 ? nullptr : &to_;
    head.msg_namelen = to_length_;
    head.msg_iov = &parts[i];
    head.msg_iovlen = end - i;
    auto& control = controls[made].octets;
    std::size_t used = 0;
    if (end - i > 1)
      used += put_control(MutableBytes{control}, IPPROTO_UDP, UDP_SEGMENT,
                          static_cast<std::uint16_t>(size));
    if (from_) {
      in_pktinfo info{};
      info.ipi_spec_dst.s_addr = htonl(from_->v4_value());
      used += put_control(MutableBytes{control}.subspan(used), IPPROTO_IP, IP_PKTINFO, info);
    }
    if (used != 0) head.msg_control = control.data();
    head.msg_controllen = used;
    first[made++] = i;
    i = end;
  }
  for (std::size_t sent = 0; sent < made;) {
    const int count = ::sendmmsg(fd_, &messages[sent], static_cast<unsigned>(made - sent),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    error_ = errno;
    // No checksum offload, or a path with a smaller MTU: then each for itself.
    const bool cut_it_ourselves =
        messages[sent].msg_hdr.msg_iovlen > 1 &&
        (error_ == EIO || error_ == EINVAL || error_ == EMSGSIZE || error_ == EOPNOTSUPP);
    if (cut_it_ourselves) {
      const auto begin = first[sent];
      std::copy(datagrams_.begin() + static_cast<std::ptrdiff_t>(begin),
                datagrams_.begin() + static_cast<std::ptrdiff_t>(count_), datagrams_.begin());
      count_ -= begin;
      error_ = 0;
      return send(/*segmented=*/false);
    }
    if (error_ == EAGAIN || error_ == ENOBUFS) return;  // full: the rest is dropped
    // An ICMP message about an earlier one is told once, and nothing was sent.
    if (error_ != ECONNREFUSED) ++sent;
  }
}

}  // namespace culvert::loop
