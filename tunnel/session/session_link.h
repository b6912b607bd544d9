// tunnel/session/session_link.h: drives one Session on the loop, over one BytePipe after the other,
// and hands its events to whoever owns the streams. The thin edge: no protocol decision is made
// here.
//
//   introducing --answer--> attached --carrier lost--> waiting --attach(), introduce()--> attached
//
// A link with a grace time outlives its carriers: its owner is told that one was lost and brings
// another, the owners of streams notice nothing. Without one it goes down with its carrier.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/control/hello.h"
#include "tunnel/control/messages.h"
#include "tunnel/control/target.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/introduction.h"
#include "tunnel/session/link_snapshot.h"

namespace culvert::session {

class SessionLink final : private loop::BytePipe::Listener,
                          private Introduction::Listener,
                          private loop::Timer::Listener,
                          private loop::Deferred {
 public:
  // Whoever owns the link. May destroy it inside on_session_down(), and only there or from a
  // callback of the loop that is not the link's.
  class Listener {
   public:
    virtual void on_session_up(SessionLink& link) = 0;  // initiator: the first hello was accepted
    // The carrier, or one that was being introduced, is gone: bring another within the grace time.
    // Never told without one.
    virtual void on_carrier_lost(SessionLink&, const Error& /*why*/) {}
    virtual void on_carrier_attached(SessionLink&) {}  // a later one; told from inside attach()
    // Initiator: an interactive lane would help: dial one with lane_hello(), attach_lane(). Told
    // again and again while that is so and there is none.
    virtual void on_lane_wanted(SessionLink&) {}
    virtual void on_stream_opened(SessionLink& link, mux::StreamId stream,
                                  const control::Target& target) = 0;  // attach() or refuse()
    virtual void on_control(SessionLink& link, const control::Message& message) = 0;
    virtual void on_session_down(SessionLink& link, const Error& why) = 0;  // once, last

   protected:
    ~Listener() = default;
  };

  // Whoever owns one stream. After on_stream_reset() the stream is forgotten. May detach or reset
  // its stream inside any of these; must not destroy the link.
  class StreamHandler : public mux::StreamOwner {
   public:
    virtual void on_stream_accepted() = 0;  // only of streams opened here
    virtual void on_stream_readable() = 0;  // link.streams().readable(id), or at_end(id)
    virtual void on_stream_writable() = 0;
    // All of one stream; they are gone when this returns.
    // Each of them before the data that came with it is told of; where the stream was there before.
    virtual void on_datagram_ahead(Bytes) {}
    virtual void on_stream_datagrams(std::span<const mux::ArrivedDatagram>) {}
    // The peer has opened `beside`: datagrams from another port than this stream's. True: this is
    // such a flow, and that one was accepted.
    virtual bool on_stream_opened_beside(SessionLink&, mux::StreamId /*beside*/,
                                         std::uint16_t /*port*/) {
      return false;
    }
    virtual void on_stream_reset(const Error& why) = 0;  // by the peer, or the session went down

   protected:
    ~StreamHandler() = default;
  };

  // A way for datagrams of streams besides the carrier. They come and go as UDP has it.
  class DatagramPath {
   public:
    virtual bool carry(mux::StreamId stream, Bytes datagram) = 0;  // false: it does not, now
    virtual void want() = 0;  // datagrams are sent that may not take it yet

   protected:
    ~DatagramPath() = default;
  };

  struct Initiator {
    crypto::KeyPair self;
    crypto::PublicKey peer;
    control::Hello hello;                       // the session's name is filled in here
    Duration limit = std::chrono::seconds{10};  // for the answer
    Duration grace{};
  };
  // Its first message goes out at the end of this turn, with what is opened until then.
  SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, const Initiator& initiator,
              Listener& listener);
  // Without a carrier for now, and for as long as it takes: its owner races introductions with
  // session_hello() and make_flight(), and attaches the first that succeeds.
  SessionLink(loop::Loop& loop, const Initiator& initiator, Listener& listener);
  // The hello has been accepted and its answer written to the pipe (session/greeter.h).
  SessionLink(loop::Loop& loop, FreshCarrier carrier, Duration grace, Listener& listener);
  // Of an earlier process; without a carrier, with a whole grace time to find one. The owners of
  // its streams attach themselves in this turn.
  SessionLink(loop::Loop& loop, const LinkSnapshot& from, const Initiator& initiator,
              Listener& listener);
  SessionLink(loop::Loop& loop, const LinkSnapshot& from, Duration grace, Listener& listener);
  ~SessionLink() override;

  // For the next process. From here on the link is dead: what it took from the peer now, or told
  // it, the next process would not know.
  LinkSnapshot take_snapshot();

  // Another carrier. The present one, if any, is dropped.
  void attach(FreshCarrier carrier);
  // Initiator: hand this pipe's end the hello that resumes the session, and attach it.
  void introduce(std::unique_ptr<loop::BytePipe> pipe);
  // For owners who race several introductions of their own, while no carrier is attached. All of
  // them name the session alike: whichever the peer sees first begins it, the next resumes it.
  control::Hello session_hello() const;
  void show_certificate(ByteVector certificate);  // in hellos from now on
  ByteVector make_flight();
  control::Hello lane_hello() const;
  void attach_lane(FreshCarrier carrier);  // in place of one that is there
  void drop_lane(std::string_view why);    // its streams go on by the carrier
  bool has_lane() const { return lane_ != nullptr; }
  void drop_carrier(Error why);  // it is known to be dead
  void abandon(Error why);       // the peer has no such session any more: on_session_down() follows
  void suspect();                // the network has changed: find out soon
  bool attached() const { return session_.attached(); }
  std::uint32_t carriers() const { return carriers_; }  // attached so far, by this process

  // Streams. After writing to, consuming from or finishing a stream through streams(), call
  // schedule(): all of a turn's output leaves in one go.
  Result<mux::StreamId> open(const control::Target& target, StreamHandler& handler);
  void attach(mux::StreamId stream, StreamHandler& handler);
  void detach(mux::StreamId stream);  // the handler hears nothing more; the stream lives on
  void accept(mux::StreamId stream);
  void refuse(mux::StreamId stream, ErrorCode code, std::string_view reason);  // = reset
  void send_datagram(mux::StreamId stream, Bytes datagram);  // schedule() when all are sent
  void set_datagram_path(DatagramPath* path) { datagram_path_ = path; }  // null: none
  void take_datagrams(std::span<const mux::ArrivedDatagram> arrived);    // that came on it
  mux::Mux& streams() { return session_.streams(); }
  using Deferred::schedule;

  void send(const control::Message& message);
  void close(const std::string& reason);  // says goodbye; on_session_down() follows in a later turn

  bool up() const { return session_.started(); }
  const Session& session() const { return session_; }

 private:
  static constexpr std::size_t kMostBacklog = 64 * 1024;  // before a responder reads no more
  static constexpr std::chrono::seconds kMostSilent{30};  // as long as a carrier's TCP tries, too
  void on_introduced(Introduction& introduction, FreshCarrier carrier) override;
  void on_introduction_failed(Introduction& introduction, const Error& why, bool refused) override;
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;

  void restore(const LinkSnapshot& from);
  void begin_introduction();
  void take_early_input();
  void carrier_lost(Error why);  // or the end, where there is no grace
  void leave_silent_pipe();
  void tell_carrier_lost();
  void receive(MutableBytes wire);
  void hand_on();
  void drain_events();
  void show_datagrams_ahead();
  void hand_datagrams_on(std::span<const mux::ArrivedDatagram> arrived);
  void on_opened(mux::StreamId stream);
  void on_opened_beside(mux::StreamId stream, const control::Target& target);
  void read_control_stream();
  void send_backlog();
  bool hears_no_answers() const;
  void flush();
  void arm_timer();
  void pipe_broke(int error);
  void go_down(Error why);  // decides it; told from the next deferred run
  void tell_down();

  // The interactive lane (session_link_lane.cc).
  struct Lane final : loop::BytePipe::Listener {
    Lane(SessionLink& of, FreshCarrier carrier);
    void on_readable() override { link.lane_readable(); }
    void on_writable() override;
    void on_broken(int error) override;
    SessionLink& link;
    std::unique_ptr<loop::BytePipe> pipe;
    ByteVector early_input;
    bool blocked = false;
  };
  void lane_readable();
  void receive_from_lane(MutableBytes wire);
  void flush_lane();
  void look_after_lane();

  loop::Loop& loop_;
  Listener& listener_;
  std::unique_ptr<loop::BytePipe> pipe_;  // null: no carrier at the moment
  std::unique_ptr<loop::BytePipe> dead_pipe_;
  std::unique_ptr<loop::BytePipe> silent_pipe_;  // written to its end, which has yet to arrive
  std::optional<TimePoint> silent_until_;
  std::unique_ptr<Lane> lane_, dead_lane_;
  Session session_;
  std::unique_ptr<Initiator> initiator_;  // null: the responder
  bool introduced_before_ = false;
  std::unique_ptr<loop::BytePipe> to_introduce_;
  std::unique_ptr<Introduction> introduction_;
  ByteVector early_input_;  // records that came right behind the handshake
  Duration grace_{};
  std::optional<TimePoint> grace_until_;
  std::optional<Error> lost_;  // still to be told
  std::uint32_t carriers_ = 0;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
  ByteQueue control_backlog_;  // control messages that the control stream had no room for
  bool control_held_ = false;  // what the peer says there is not read until these have left
  DatagramPath* datagram_path_ = nullptr;
  std::optional<Error> down_;
  bool closing_ = false, blocked_ = false, told_ = false, suspected_ = false;
  bool frozen_ = false;  // take_snapshot() was called
};

}  // namespace culvert::session
