// service/ftp_pairs.h: which control connections of FTP have the two files of a pair open, and what
// has come out of it. Bounds: those of the control connections.
//
// A pair is made once. Its name is free again when both control connections are gone: a third one
// would find no data connection left.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace culvert::service {

class Visitor;

class FtpPairs {
 public:
  struct Pair {
    Visitor *down = nullptr, *up = nullptr;
    Visitor* carrier = nullptr;  // until it has logged in
    bool made = false;
  };

  // Null: it has such a file already.
  Pair* add(const std::string& name, Visitor& control, bool upward);
  // Its carrier has logged in: the control connections that are to stay.
  std::vector<Visitor*> admit(const std::string& name);
  // The carrier, where it is to go as well: before its login it has no place of its own.
  Visitor* forget(const std::string& name, const Visitor& gone);

 private:
  std::map<std::string, Pair> pairs_;
};

}  // namespace culvert::service
