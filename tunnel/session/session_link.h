// tunnel/session/session_link.h: drives one Session over one BytePipe on the loop, and hands its
// events to whoever owns the streams. The thin edge: no protocol decision is made here.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>

#include "tunnel/control/hello.h"
#include "tunnel/control/messages.h"
#include "tunnel/control/target.h"
#include "tunnel/crypto/keys.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"
#include "tunnel/session/session.h"

namespace culvert::session {

class SessionLink final : private loop::BytePipe::Listener,
                          private loop::Timer::Listener,
                          private loop::Deferred {
 public:
  // Whoever owns the link. May destroy it inside on_session_down(), and only there or from a
  // callback of the loop that is not the link's.
  class Listener {
   public:
    virtual void on_session_up(SessionLink& link) = 0;  // initiator: the hello was accepted
    virtual void on_stream_opened(SessionLink& link, mux::StreamId stream,
                                  const control::Target& target) = 0;  // attach() or refuse()
    virtual void on_control(SessionLink& link, const control::Message& message) = 0;
    virtual void on_session_down(SessionLink& link, const Error& why) = 0;  // once, last

   protected:
    ~Listener() = default;
  };

  // Whoever owns one stream. After on_stream_reset() the stream is forgotten. May detach or reset
  // its stream inside any of these; must not destroy the link.
  class StreamHandler {
   public:
    virtual void on_stream_accepted() = 0;  // only of streams opened here
    virtual void on_stream_readable() = 0;  // link.streams().readable(id), or at_end(id)
    virtual void on_stream_writable() = 0;
    virtual void on_stream_reset(const Error& why) = 0;  // by the peer, or the session went down

   protected:
    ~StreamHandler() = default;
  };

  struct Initiator {
    crypto::KeyPair self;
    crypto::PublicKey peer;
    control::Hello hello;  // timestamp, aeads and session name are filled in here
    Duration limit = std::chrono::seconds{10};  // for the answer
  };
  SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, const Initiator& initiator,
              Listener& listener);

  // The hello has been accepted and its answer written to the pipe (session/greeter.h).
  struct Responder {
    DirectionKeys keys;
    crypto::AeadAlgorithm aead;
    ByteVector early_frames;
    ByteVector received;  // octets that came behind the first message
  };
  SessionLink(loop::Loop& loop, std::unique_ptr<loop::BytePipe> pipe, Responder responder,
              Listener& listener);
  ~SessionLink() override;

  // Streams. After writing to, consuming from or finishing a stream through streams(), call
  // schedule(): all of a turn's output leaves in one go.
  Result<mux::StreamId> open(const control::Target& target, StreamHandler& handler);
  void attach(mux::StreamId stream, StreamHandler& handler);
  void detach(mux::StreamId stream);  // the handler hears nothing more; the stream lives on
  void accept(mux::StreamId stream);
  void refuse(mux::StreamId stream, ErrorCode code, std::string_view reason);  // = reset
  mux::Mux& streams() { return session_.streams(); }
  using Deferred::schedule;

  void send(const control::Message& message);
  void close(const std::string& reason);  // says goodbye; on_session_down() follows in a later turn

  bool up() const { return session_.started(); }
  const Session& session() const { return session_; }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_broken(int error) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;

  void begin();
  void read_handshake();
  void receive(MutableBytes wire);
  void drain_events();
  void on_opened(mux::StreamId stream);
  void read_control_stream();
  void send_backlog();
  void flush();
  void arm_timer();
  void pipe_broke(int error);
  void go_down(Error why);  // decides it; told from the next deferred run
  void tell_down();
  StreamHandler* handler_of(mux::StreamId stream) const;

  loop::Loop& loop_;
  Listener& listener_;
  std::unique_ptr<loop::BytePipe> pipe_;
  Session session_;
  std::unique_ptr<Initiator> initiator_;  // until the hello is sent
  std::optional<InitiatorHandshake> handshake_;
  ByteVector handshake_input_;  // also: records that came right behind the hello
  ByteVector early_frames_;
  ByteQueue handshake_output_;
  std::unordered_map<std::uint32_t, StreamHandler*> handlers_;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
  std::optional<TimePoint> answer_deadline_;
  ByteQueue control_backlog_;  // control messages that the control stream had no room for
  std::optional<Error> down_;
  bool closing_ = false, blocked_ = false, told_ = false;
};

}  // namespace culvert::session
