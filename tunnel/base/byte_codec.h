// tunnel/base/byte_codec.h: bounds-checked big-endian reading and writing.
#pragma once
#include <array>
#include <concepts>
#include <cstring>
#include <string>

#include "tunnel/base/bytes.h"

namespace culvert {

template <std::unsigned_integral T>
T load_be(const std::byte* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(static_cast<T>(value << (sizeof(T) > 1 ? 8 : 0)) |
                           std::to_integer<T>(from[i]));
  return value;
}

template <std::unsigned_integral T>
void store_be(std::byte* to, T value) {
  for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> (sizeof(T) > 1 ? 8 : 0)))
    to[i] = static_cast<std::byte>(value & 0xff);
}

// Reads off the front of borrowed bytes. The first short read makes it fail for good: every
// later read gives zeros, so a decoder may read all its fields and ask ok() once at the end.
class Reader {
 public:
  explicit Reader(Bytes in) : in_(in) {}

  template <std::unsigned_integral T>
  T number() {
    const auto raw = take(sizeof(T));
    return ok_ ? load_be<T>(raw.data()) : T{0};
  }
  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }

  Bytes take(std::size_t count) {
    if (!ok_ || in_.size() < count) {
      ok_ = false;
      return {};
    }
    const auto out = in_.first(count);
    in_ = in_.subspan(count);
    return out;
  }
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const auto raw = take(N);
    if (ok_) std::memcpy(out.data(), raw.data(), N);
    return out;
  }
  Bytes block16() { return take(u16()); }  // u16 length, then that many bytes
  std::string text16() { return std::string{as_text(block16())}; }

  Bytes rest() const { return ok_ ? in_ : Bytes{}; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }  // everything read and nothing left over
  void set_failed() { ok_ = false; }

 private:
  Bytes in_;
  bool ok_ = true;
};

// Appends to a vector it borrows.
class Writer {
 public:
  explicit Writer(ByteVector& out) : out_(out) {}

  template <std::unsigned_integral T>
  void number(T value) {
    const auto at = out_.size();
    out_.resize(at + sizeof(T));
    store_be(out_.data() + at, value);
  }
  void u8(std::uint8_t value) { number(value); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void u64(std::uint64_t value) { number(value); }
  void bytes(Bytes data) { append(out_, data); }
  void block16(Bytes data) {  // the caller keeps it within 65535 bytes
    u16(static_cast<std::uint16_t>(data.size()));
    bytes(data);
  }
  void text16(std::string_view text) { block16(as_bytes(text)); }

 private:
  ByteVector& out_;
};

}  // namespace culvert
