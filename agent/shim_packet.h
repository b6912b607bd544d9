// agent/shim_packet.h: one message of shim/wire.h in or out of a unix socket, without waiting.
#pragma once
#include <array>
#include <cstdint>

#include "shim/wire.h"
#include "tunnel/base/bytes.h"

namespace culvert::agent {

struct ReceivedPacket {
  static constexpr std::size_t kOne = sizeof(culvert_question_packet);
  std::array<std::byte, 2 * kOne + 1> data;  // + 1: shows if it is longer
  std::size_t size = 0;
  bool nothing_yet = false;  // otherwise, size 0: the other end hung up
  std::uint64_t shown = 0;   // SO_COOKIE of a socket that was passed along; 0: none
  Bytes bytes() const { return Bytes{data}.first(size); }
  // A question and what is told along with it.
  bool is_pair() const { return size == 2 * kOne; }
  Bytes first() const { return Bytes{data}.first(kOne); }
  Bytes second() const { return Bytes{data}.subspan(kOne, kOne); }
};

// The first descriptor that an asker passes along is looked at and closed, any more by the kernel.
ReceivedPacket receive_packet(int socket);

// False: the asker went away or does not read, which is its own business.
bool send_answer(int socket, const culvert_answer_packet& answer);

}  // namespace culvert::agent
