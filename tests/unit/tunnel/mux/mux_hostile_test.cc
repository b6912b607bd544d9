// Peers that keep to the letter of the protocol and mean harm: what they make this side keep.
#include <gtest/gtest.h>
#include <malloc.h>

#include "../../sanitized.h"
#include "tunnel/mux/mux.h"

namespace culvert::mux {
namespace {

ByteVector opens(std::uint32_t first, int count) {
  ByteVector record;
  for (int i = 0; i < count; ++i)
    append_frame(record, Open{StreamId{first + 2 * static_cast<std::uint32_t>(i)}, 65536, {}});
  return record;
}

// The ends of streams are kept until a PONG shows that they have been heard.
TEST(MuxHostile, WhoOpensStreamsAndHearsOfNoEndIsEnded) {
  Mux mux{Role::kResponder, {.streams = 64, .unaccepted = 16}};
  std::uint32_t id = 1;
  bool ended = false;
  for (int i = 0; i < 100 && !ended; ++i, id += 200) ended = !mux.receive(opens(id, 100), {});
  EXPECT_TRUE(ended) << "an end is kept of each of " << (id - 1) / 2 << " streams";
}

TEST(MuxHostile, WhoHearsOfTheEndsMayOpenAsManyAsHeLikes) {
  Mux mux{Role::kResponder, {.streams = 64, .unaccepted = 16}}, far{Role::kInitiator};
  std::uint32_t id = 1;
  ByteVector record(64 * 1024);
  for (int i = 0; i < 100; ++i, id += 200) {
    const auto received = mux.receive(opens(id, 100), {});
    ASSERT_TRUE(received) << received.error().detail;
    while (const auto event = mux.next_event())
      if (event->kind == Event::Kind::kOpened) mux.reset(event->stream, ErrorCode::kRefused);
    mux.ping(static_cast<std::uint64_t>(i));
    while (mux.has_output()) (void)mux.fill(record.data(), record.size());
    ByteVector pong;
    append_frame(pong, Pong{static_cast<std::uint64_t>(i)});
    ASSERT_TRUE(mux.receive(pong, {}));
  }
}

// Where nothing can leave, what waits to be told of a stream is noted once.
TEST(MuxHostile, CreditRepeatedForAnEndedStreamCostsNothing) {
  if (kSanitized) GTEST_SKIP() << "memory is counted by another allocator";
  Mux mux{Role::kResponder};
  const StreamId stream{1};
  ByteVector record(64 * 1024), said = opens(1, 1);
  ASSERT_TRUE(mux.receive(said, {}));
  mux.accept(stream);
  mux.finish(stream);
  while (mux.has_output()) (void)mux.fill(record.data(), record.size());
  said.clear();
  append_frame(said, Data{stream, 0, /*last=*/true, {}});
  append_frame(said, Window{stream, 65536, 1, /*accepted=*/false});
  ASSERT_TRUE(mux.receive(said, {}));
  mux.end_taken(stream);
  said.clear();
  for (int i = 0; i < 1000; ++i) append_frame(said, Window{stream, 65536, 1, /*accepted=*/false});
  const auto in_use = [] {
    const auto heap = ::mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const auto before = in_use();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(mux.receive(said, {}));
  EXPECT_LT(in_use(), before + 64 * 1024);
}

// Credit of a gigabyte, and nothing acknowledged: the log of the control stream has an end, too.
TEST(MuxHostile, TheControlStreamKeepsNoMoreThanAMegabyteForWhoAcknowledgesNothing) {
  Mux mux{Role::kResponder};
  ByteVector credit, record(64 * 1024);
  append_frame(credit, Window{kControlStream, kMaxWindow, 0, /*accepted=*/false});
  ASSERT_TRUE(mux.receive(credit, {}));
  const ByteVector message(1000);
  std::size_t written = 0;
  for (int i = 0; i < 10'000; ++i) {
    written += mux.write(kControlStream, message);
    while (mux.has_output()) (void)mux.fill(record.data(), record.size());
  }
  EXPECT_LE(written, std::size_t{1} << 20);
}

}  // namespace
}  // namespace culvert::mux
