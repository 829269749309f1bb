#pragma once
// Runs the binary as a user does, and keeps what it printed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/temporary.h"

extern char** environ;

namespace command {

struct Result {
  int status = -1;  ///< exit status; 128 + signal when one ended it
  std::string out, err;
};

/// A started process of the binary; wait() gives what it did.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_path().c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err_path().c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    std::vector<std::string> words = {MODE_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error = ::posix_spawn(&pid_, MODE_BINARY, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) pid_ = -1;
  }
  std::string out_so_far() const { return read_bytes(out_path()); }
  pid_t id() const { return pid_; }
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  /// False once it has ended, which wait() still has to be told.
  bool is_running() const {
    siginfo_t info{};
    return pid_ > 0 && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  }
  Result wait() {
    Result result;
    if (pid_ <= 0) return result;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = read_bytes(out_path());
    result.err = read_bytes(err_path());
    return result;
  }

 private:
  std::string out_path() const { return directory_ / "out"; }
  std::string err_path() const { return directory_ / "err"; }
  TemporaryDirectory directory_;
  pid_t pid_ = -1;
};

inline Result run(const std::vector<std::string>& arguments) { return Process(arguments).wait(); }

/// The failure contract: this status, and on stderr one line that begins with "mode: " and holds `part`.
inline void expect_one_line(const Result& result, int status, const std::string& part) {
  EXPECT_EQ(result.status, status) << result.out << result.err;
  EXPECT_EQ(result.err.rfind("mode: ", 0), 0u) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos) << "expected '" << part << "' in: " << result.err;
}

/// The text after `label` on its line, e.g. the hash after "weights".
inline std::string value_after(const std::string& text, const std::string& label) {
  const size_t at = text.find("\n" + label + " ");
  if (at == std::string::npos) return {};
  const size_t begin = text.find_first_not_of(' ', at + 1 + label.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace command
