// tunnel/session/record_reader.h: the records of one carrier, out of whatever pieces it brings.
//
// A session holds no read buffer: the owner of all of them lends one (read_buffer.h). First
// restore_partial() puts a cut-off record of the last time at its front, then the owner reads
// behind it and gives the whole to read(), which opens records in place.
#pragma once
#include <algorithm>
#include <cassert>
#include <utility>

#include "tunnel/session/record.h"

namespace culvert::session {

class RecordReader {
 public:
  explicit RecordReader(RecordKeys keys) : opener_(std::move(keys)) {}

  std::size_t restore_partial(MutableBytes buffer) {
    assert(partial_.size() < buffer.size());
    std::copy(partial_.begin(), partial_.end(), buffer.begin());
    return std::exchange(partial_, {}).size();
  }

  // `take`: Result<void> take(Bytes text), for each whole record; its error ends it.
  // kAuthentication: a record did not open, which is the carrier's fault. After an error nothing
  // more can be read.
  template <typename Take>
  Result<void> read(MutableBytes wire, Take take) {
    while (true) {
      const auto opened = opener_.open(wire);
      if (!opened) return fail(ErrorCode::kAuthentication, opened.error().detail);
      if (opened->wire_size == 0) break;
      octets_ += opened->wire_size;
      CULVERT_RETURN_IF_ERROR(take(opened->text));
      wire = wire.subspan(opened->wire_size);
    }
    partial_.assign(wire.begin(), wire.end());
    return {};
  }

  std::uint64_t octets() const { return octets_; }  // of whole records
  void rest() { opener_.rest(); }

 private:
  RecordOpener opener_;
  ByteVector partial_;
  std::uint64_t octets_ = 0;
};

}  // namespace culvert::session
