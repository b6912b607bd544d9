#include <gtest/gtest.h>

#include "tunnel/control/hello.h"
#include "tunnel/control/invitation.h"
#include "tunnel/control/messages.h"
#include "tunnel/control/target.h"

namespace culvert::control {
namespace {

TEST(Target, SurvivesTheWire) {
  for (const auto& target : {Target{Target::Kind::kEndpointPort, "", 22},
                             Target{Target::Kind::kForward, "www.example.com", 443},
                             Target{Target::Kind::kEndpointUdp, "", 53},
                             Target{Target::Kind::kEndpointPort, "", 514, 0, 1023},
                             Target{Target::Kind::kEndpointUdp, "", 53, 0, 5353},
                             Target{Target::Kind::kBesideUdp, "", 40000, 7},
                             Target{Target::Kind::kForwardUdp, "192.0.2.1", 53},
                             Target{Target::Kind::kHostedUdp, "gw.example", 5004, 0, 40000},
                             Target{Target::Kind::kRelay, "a0b1c2", 1}})
    EXPECT_EQ(*decode_target(encode(target)), target);
}

TEST(Target, MalformedOnesAreRefused) {
  EXPECT_FALSE(decode_target({}));
  EXPECT_FALSE(decode_target(from_hex("01 0000"))) << "port 0";
  EXPECT_FALSE(decode_target(from_hex("01 0016 61"))) << "an endpoint's port has no host";
  EXPECT_FALSE(decode_target(from_hex("02 0016"))) << "forwarding needs a host";
  EXPECT_FALSE(decode_target(from_hex("07 0016 0001"))) << "a caller needs a name";
  EXPECT_FALSE(decode_target(from_hex("07 0016 0000 61"))) << "port 0 of the host";
  EXPECT_FALSE(decode_target(from_hex("05 0001"))) << "a relay needs a token";
  EXPECT_FALSE(decode_target(from_hex("06 0016 61"))) << "beside which stream?";
  EXPECT_FALSE(decode_target(from_hex("06 0016 00000003 61"))) << "a port beside has no host";
  EXPECT_FALSE(decode_target(from_hex("01 0016 03ff 61"))) << "octets behind the caller's port";
  EXPECT_FALSE(decode_target(from_hex("01 0016 0000"))) << "a caller's port of 0";
  EXPECT_FALSE(decode_target(from_hex("07 0016 61"))) << "unknown kind";
}

TEST(Hello, SurvivesTheWire) {
  Hello hello;
  hello.purpose = Purpose::kCircuitAnswer;
  hello.timestamp = 1'700'000'000'000'000'000;
  hello.aeads = {1, 2};
  hello.session.fill(std::byte{5});
  hello.certificate = from_hex("010203");
  hello.ticket.fill(std::byte{9});
  EXPECT_EQ(*decode_hello(encode(hello)), hello);

  Hello enrol;
  enrol.purpose = Purpose::kEnrol;
  enrol.name = "denpc.home.example.net";
  enrol.secret.fill(std::byte{7});
  EXPECT_EQ(*decode_hello(encode(enrol)), enrol);
}

TEST(Hello, SkipsFieldsOfLaterVersionsAndRefusesBrokenFraming) {
  Hello hello;
  auto wire = encode(hello);
  append(wire, from_hex("c8 0002 aabb"));
  EXPECT_EQ(*decode_hello(wire), hello);
  wire.pop_back();
  EXPECT_FALSE(decode_hello(wire));
  EXPECT_FALSE(decode_hello({})) << "a purpose is required";
  EXPECT_FALSE(decode_hello(from_hex("01 0001 09"))) << "unknown purpose";
}

TEST(Hello, ARepeatedFieldDoesNotAddUp) {
  Hello hello;
  hello.aeads = {1, 2};
  auto wire = encode(hello);
  append(wire, from_hex("03 0001 02"));
  hello.aeads = {2};
  EXPECT_EQ(*decode_hello(wire), hello);
  append(wire, from_hex("03 0011 0101010101010101010101010101010101"));
  EXPECT_FALSE(decode_hello(wire)) << "more ciphers than there may be";
}

TEST(HelloAnswer, SurvivesTheWire) {
  HelloAnswer answer;
  answer.refusal = ErrorCode::kAuthentication;
  answer.reason = "the certificate has expired";
  EXPECT_EQ(*decode_hello_answer(encode(answer)), answer);
  HelloAnswer good;
  good.aead = 1;
  good.certificate = from_hex("0102");
  good.signing_key = ByteVector(32, std::byte{3});
  good.domain = "example.net";
  good.seen = *SocketAddress::parse("192.0.2.1:40000");
  good.other_seen = *SocketAddress::parse("[2001:db8::1]:4000");
  good.tls_certificate.assign(32, std::byte{7});
  EXPECT_EQ(*decode_hello_answer(encode(good)), good);
  EXPECT_FALSE(decode_hello_answer({})) << "silence is no acceptance";
}

TEST(HelloAnswer, MayLackTheCertificateAndSkipsFieldsOfLaterVersions) {
  HelloAnswer answer;
  answer.aead = 1;
  auto wire = encode(answer);
  EXPECT_TRUE(decode_hello_answer(wire)->tls_certificate.empty()) << "of a service without it";
  append(wire, from_hex("c8 0002 aabb"));
  EXPECT_EQ(*decode_hello_answer(wire), answer);
  append(wire, from_hex("11 0002 aabb"));
  EXPECT_FALSE(decode_hello_answer(wire)) << "no SHA-256";
  Hello hello;
  auto of_hello = encode(hello);
  append(of_hello, from_hex("11 0002 aabb"));
  EXPECT_FALSE(decode_hello(of_hello)) << "a field of answers only";
}

Offer an_offer() {
  using Kind = Candidate::Kind;
  Offer offer;
  offer.round = 7;
  offer.inbound = Inbound::kClosed;
  offer.token.fill(std::byte{3});
  offer.candidates = {
      {Kind::kHost, Candidate::Transport::kTcp, *SocketAddress::parse("10.0.0.5:4000")},
      {Kind::kServerReflexive, Candidate::Transport::kUdp,
       *SocketAddress::parse("[2001:db8::1]:4000")}};
  return offer;
}

Offer an_offer_with_statements() {
  auto offer = an_offer();
  offer.statements = {ByteVector(118, std::byte{7}), ByteVector{}};
  offer.other_inbound = Inbound::kClosed;
  return offer;
}

PathOffer a_path_offer() {
  PathOffer offer;
  offer.round = 9;
  offer.path = 0xabcdef01;
  offer.secret.edit()[0] = std::byte{5};
  offer.hardware_aes = offer.unseen = offer.sparing = true;
  offer.allocation = {Allocation::Kind::kSequential, -2, 0, 0, 40'000, true};
  offer.candidates = an_offer().candidates;
  offer.beside = true;
  offer.statements = {ByteVector(118, std::byte{7}), ByteVector{}};
  return offer;
}

TEST(Offer, WithoutStatementsIsAsEarlierVersionsWriteItAndTheySkipThem) {
  auto offer = an_offer();
  const auto size = [&] {
    ByteVector wire;
    Writer out(wire);
    write_offer(out, offer);
    return wire.size();
  };
  const auto without = size();
  EXPECT_EQ(without, 4 + 1 + 16 + 1 + (1 + 2 + 4 + 2) + (1 + 2 + 16 + 2));
  offer.statements = {ByteVector(118, std::byte{7})};
  EXPECT_EQ(size(), without + 1 + 2 + 118);
  ByteVector wire;
  Writer out(wire);
  write_offer(out, an_offer());
  out.u8(kMostStatements + 1);
  Reader in(wire);
  read_offer(in);
  EXPECT_FALSE(in.ok());
}

TEST(Offer, WithoutStatementsSaysNothingOfTheOtherFamily) {
  auto wire = encode(an_offer());
  wire.push_back(std::byte{0});  // no statements, in so many words
  wire.push_back(std::byte{1});  // and yet the octet that stands behind them
  wire[3] = std::byte(std::to_integer<int>(wire[3]) + 2);
  std::size_t taken = 0;
  const auto read = take_message(wire, taken);
  ASSERT_TRUE(read && *read) << "what it is not known to say is skipped";
  EXPECT_EQ(std::get<Offer>(**read), an_offer());
}

TEST(PathOffer, WithoutStatementsIsAsEarlierVersionsWriteItAndTooManyAreRefused) {
  auto offer = a_path_offer();
  const auto size = [&] {
    ByteVector wire;
    Writer out(wire);
    write_path_offer(out, offer);
    return wire.size();
  };
  const auto with = size();
  offer.statements.clear();
  EXPECT_EQ(size() + 1 + 2 + 118 + 2, with);
  ByteVector wire;
  Writer out(wire);
  write_path_offer(out, offer);
  out.u8(kMostStatements + 1);
  Reader in(wire);
  read_path_offer(in);
  EXPECT_FALSE(in.ok());
}

TEST(PathOffer, RefusesAllocationsThatMakeNoSenseAndSkipsLaterKinds) {
  auto offer = a_path_offer();
  const auto reads = [&] {
    ByteVector wire;
    Writer out(wire);
    write_path_offer(out, offer);
    Reader in(wire);
    const auto again = read_path_offer(in);
    return in.ok() ? std::optional{again} : std::nullopt;
  };
  EXPECT_EQ(reads(), offer);
  offer.allocation.step = 0;
  EXPECT_FALSE(reads()) << "a sequence that stands still";
  offer.allocation = {Allocation::Kind::kRange, 0, 2000, 1000, 0};
  EXPECT_FALSE(reads()) << "a range that ends before it begins";
  offer.allocation = {static_cast<Allocation::Kind>(99), 0, 2000, 1000, 7};
  ASSERT_TRUE(reads());
  EXPECT_EQ(reads()->allocation.kind, Allocation::Kind::kUnknown);
}

TEST(Offer, LeavesOutWhatALaterVersionMayKnowAndRefusesTooMany) {
  ByteVector wire;
  Writer out(wire);
  out.u32(1);
  out.u8(0);
  out.bytes(OfferToken{});
  out.u8(3);
  out.block16({});  // one empty candidate, twice
  out.bytes(from_hex("08 09 01 0a000005 0fa0"));
  Reader in(wire);
  EXPECT_TRUE(read_offer(in).candidates.empty());
  EXPECT_TRUE(in.done());
  wire[21] = std::byte{kMostCandidates + 1};
  Reader too_many(wire);
  (void)read_offer(too_many);
  EXPECT_FALSE(too_many.ok());
}

TEST(Message, EveryKindSurvivesTheWireInAnyFragmentation) {
  const Message messages[] = {
      Publish{{22, 80, 443}},
      Publish{{}},
      Lookup{7, Lookup::Kind::kEndpoint, "a.example.net"},
      Found{7, ErrorCode::kNone, "", from_hex("0102")},
      Found{8, ErrorCode::kNameUnknown, "no such name", {}},
      Incoming{CircuitTicket{std::byte{1}}, "b.example.net"},
      Goodbye{"shutting down"},
      TryInbound{4000, TrialSecret{std::byte{2}}},
      TryInbound{4000, TrialSecret{std::byte{2}}, from_hex("0102")},
      InboundTried{4000, ErrorCode::kTimedOut, "nobody answered"},
      InboundTried{4000, ErrorCode::kNone, "", *IpAddress::parse("2001:db8::1")},
      an_offer(),
      an_offer_with_statements(),
      a_path_offer(),
      PathSeen{0xabcdef01, 1ull << 40},
      PathRelay{0xabcdef01},
      DiscoveryServers{
          {*SocketAddress::parse("192.0.2.1:3478"), *SocketAddress::parse("[2001:db8::1]:3479")}}};
  for (const auto& message : messages) {
    const auto wire = encode(message);
    std::size_t taken = 0;
    for (std::size_t size = 0; size < wire.size(); ++size) {
      const auto partial = take_message(Bytes{wire}.first(size), taken);
      ASSERT_TRUE(partial);
      EXPECT_FALSE(*partial);
      EXPECT_EQ(taken, 0u);
    }
    const auto whole = take_message(wire, taken);
    ASSERT_TRUE(whole && *whole);
    EXPECT_EQ(**whole, message);
    EXPECT_EQ(taken, wire.size());
  }
}

TEST(Message, OfALaterVersionIsSkippedAndMalformedOnesAreErrors) {
  std::size_t taken = 0;
  const auto later = take_message(from_hex("0063 0001 ff"), taken);
  ASSERT_TRUE(later);
  EXPECT_FALSE(*later);
  EXPECT_EQ(taken, 5u);
  EXPECT_FALSE(take_message(from_hex("0001 0001 ff"), taken)) << "half a port";
  EXPECT_FALSE(take_message(from_hex("0001 ffff"), taken)) << "over 32 KiB";
  EXPECT_FALSE(take_message(from_hex("0002 0006 00000001 09 00"), taken)) << "cut off";
}

TEST(Invitation, SurvivesTheTextAndToleratesSpaceAroundItAndTheLinesOfMailPrograms) {
  Invitation invitation;
  invitation.service = "192.0.2.1:443";
  invitation.service_key.fill(std::byte{1});
  invitation.name = "denpc.example.net";
  invitation.secret.fill(std::byte{2});
  auto text = encode(invitation);
  EXPECT_EQ(*decode_invitation("  " + text + "\n"), invitation);
  text.insert(76, " \r\n\t");
  EXPECT_EQ(*decode_invitation(text), invitation);
  invitation.domain = "example.net";
  EXPECT_EQ(*decode_invitation(encode(invitation)), invitation);
}

TEST(Invitation, SaysWhatIsWrongWithIt) {
  const auto text = encode(Invitation{"h:1", {}, "n.example", {}});
  const auto why = [](std::string_view t) { return decode_invitation(t).error().detail; };
  EXPECT_NE(why("").find("no invitation"), std::string::npos);
  EXPECT_NE(why("hello").find("not an invitation"), std::string::npos);
  EXPECT_NE(why(text.substr(0, text.size() - 3)).find("cut off"), std::string::npos);
  EXPECT_NE(why("culvert2-abc").find("another version"), std::string::npos);
}

}  // namespace
}  // namespace culvert::control
