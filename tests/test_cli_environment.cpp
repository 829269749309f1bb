// The binary on a failing machine: no space, no permission, no memory, a closed pipe, a dataset that disappears.

#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "nn/safetensors.h"
#include "nn/text.h"
#include "tests/command.h"
#include "tests/command_training.h"
#include "tests/image_files.h"

namespace {

namespace fs = std::filesystem;
using command::expect_one_line;
using command::Result;
using command::run;
using command::test_data;
using command::train_arguments;
using command::train_data;
using command::trained_model;

std::string quoted(const std::string& word) { return "'" + word + "'"; }

/// The binary started by a shell, after `before` (a limit) and with `redirection` on top of what keeps its output.
Result run_in_shell(const std::string& before, const std::vector<std::string>& arguments, const std::string& redirection = "") {
  const TemporaryDirectory directory;
  std::string line = before + (before.empty() ? "" : " && ") + "exec " + quoted(MODE_BINARY);
  for (const std::string& argument : arguments) line += " " + quoted(argument);
  line += " > " + quoted(directory / "out") + " 2> " + quoted(directory / "err") + " " + redirection;
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_bytes(directory / "out"), read_bytes(directory / "err")};
}

/// Files below a folder that were begun and never finished.
int unfinished_in(const std::string& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.path().filename().string().rfind(".unfinished", 0) == 0;
  return count;
}

/// A small file system of its own, where this process may mount one.
class Mount {
 public:
  explicit Mount(const std::string& options) {
    is_there_ = ::mount("none", directory_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    fault_ = is_there_ ? "" : std::strerror(errno);
  }
  ~Mount() {
    if (is_there_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  bool make_read_only() const { return ::mount("none", directory_.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0; }
  bool is_there() const { return is_there_; }
  const std::string& fault() const { return fault_; }
  std::string operator/(const std::string& name) const { return directory_ / name; }
  const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  bool is_there_ = false;
  std::string fault_;
};
#define MOUNT_OR_SKIP(name, options) \
  const Mount name(options);         \
  if (!name.is_there()) GTEST_SKIP() << "mounting a file system is not permitted (" << name.fault() << "): this needs root"

std::vector<std::string> features_arguments(const std::string& out) {
  return {"features", "--model", trained_model(), "--data", test_data, "--out", out};
}
std::vector<std::string> eval_arguments(const std::string& out) {
  return {"eval",      "--model", trained_model(), "--id", train_data, "--id-test", test_data, "--ood", "noise=synthetic:noise?limit=8",
          "--methods", "msp",     "--out",         out};
}

/// A run whose state at the beginning fits, and whose state after the first epoch does not: with the optimizer's numbers it is twice as
/// large. What fitted stays, and is gone on with once there is space.
void expect_resumable(const std::string& out, const Result& result, const std::string& fault) {
  expect_one_line(result, 1, fault);
  EXPECT_NE(result.err.find("state.safetensors"), std::string::npos) << result.err;
  EXPECT_EQ(unfinished_in(out), 0);
  EXPECT_EQ(nn::read_safetensors(out + "/state.safetensors").metadata.at("step"), "0");
  const TemporaryDirectory elsewhere;
  fs::copy(out, elsewhere / "run");
  const Result resumed = run({"train", "--resume", "--out", elsewhere / "run"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(nn::read_safetensors(elsewhere / "run/model.safetensors").metadata.at("content_hash"),
            nn::read_safetensors(trained_model()).metadata.at("content_hash"));
}

TEST(FileSizeLimit, IsAnErrorAndWhatWasThereStays) {
  const TemporaryDirectory directory;
  ASSERT_FALSE(trained_model().empty());
  write_bytes(directory / "features", "old");
  expect_one_line(run_in_shell("ulimit -f 8", features_arguments(directory / "features")), 1, "File too large");
  EXPECT_EQ(read_bytes(directory / "features"), "old");
  expect_one_line(run_in_shell("ulimit -f 1", eval_arguments(directory / "report")), 1, "File too large");
  EXPECT_FALSE(fs::exists(directory / "report/results.json"));
  expect_one_line(run_in_shell("ulimit -f 8", train_arguments(directory / "small")), 1, "File too large");
  // POSIX counts in 512 bytes: 450 KB.
  expect_resumable(directory / "run", run_in_shell("ulimit -f 900", train_arguments(directory / "run")), "File too large");
  EXPECT_EQ(unfinished_in(directory.path()), 0);
}

TEST(FullDisk, IsAnErrorAndWhatWasThereStays) {
  MOUNT_OR_SKIP(disk, "size=800k");
  write_bytes(disk / "features", "old");
  expect_resumable(disk / "run", run(train_arguments(disk / "run")), "No space left on device");
  fs::remove_all(disk / "run");
  std::ofstream(disk / "ballast") << std::string(1 << 20, 'x');  // all that is left
  expect_one_line(run(features_arguments(disk / "features")), 1, "No space left on device");
  EXPECT_EQ(read_bytes(disk / "features"), "old");
  expect_one_line(run(eval_arguments(disk / "report")), 1, "No space left on device");
  EXPECT_FALSE(fs::exists(disk / "report/results.json"));
  EXPECT_EQ(unfinished_in(disk.path()), 0);
}

TEST(ReadOnlyOutput, IsAnErrorBeforeAnyWork) {
  MOUNT_OR_SKIP(disk, "size=4m");
  fs::copy(fs::path(trained_model()).parent_path(), disk / "run");
  ASSERT_EQ(run(eval_arguments(disk / "report")).status, 0);
  const std::string model = read_bytes(disk / "run/model.safetensors"), results = read_bytes(disk / "report/results.json");
  ASSERT_TRUE(disk.make_read_only());
  const std::string part = "Read-only file system";
  for (const std::string out : {"new", "run/below"}) expect_one_line(run(train_arguments(disk / out)), 1, part);
  expect_one_line(run({"train", "--resume", "--out", disk / "run"}), 1, part);
  const Result features = run(features_arguments(disk / "features")), eval = run(eval_arguments(disk / "new"));
  expect_one_line(features, 1, part);
  expect_one_line(eval, 1, part);
  EXPECT_EQ(run(eval_arguments(disk / "report")).status, 1);
  EXPECT_EQ(features.out.find("images in"), std::string::npos) << "the work was done first: " << features.out;
  EXPECT_EQ(eval.out.find("images in"), std::string::npos) << "the work was done first: " << eval.out;
  EXPECT_EQ(read_bytes(disk / "run/model.safetensors"), model);
  EXPECT_EQ(read_bytes(disk / "report/results.json"), results);
  EXPECT_EQ(run({"info", "--model", disk / "run/model.safetensors"}).status, 0) << "commands that only read still work";
}

/// A pipe, a folder or a device where a file is expected: an error, no endless wait.
TEST(NoRegularFile, IsRefused) {
  const TemporaryDirectory directory;
  const std::string pipe = directory / "pipe", part = "not a regular file";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::copy(fs::path(trained_model()).parent_path(), directory / "run");
  const auto replace = [&](const std::string& path) {
    fs::remove_all(directory / path);
    fs::create_directories(fs::path(directory / path).parent_path());
    fs::create_hard_link(pipe, directory / path);
  };
  expect_one_line(run({"info", "--model", pipe}), 1, part);
  expect_one_line(run({"info", "--model", "/dev/zero"}), 1, part);
  expect_one_line(run(features_arguments(pipe)), 1, part);
  replace("images/a/1.png");
  expect_one_line(run({"info", "--data", "folder:" + (directory / "images")}), 1, part);
  replace("cifar/test_batch.bin");
  expect_one_line(run({"info", "--data", "cifar10:" + (directory / "cifar") + "?split=test"}), 1, "no file");
  replace("run/log.csv");
  expect_one_line(run({"train", "--resume", "--out", directory / "run"}), 1, part);
  replace("run/state.safetensors");
  expect_one_line(run({"train", "--resume", "--out", directory / "run"}), 1, part);
  expect_one_line(run(train_arguments(directory / "run")), 1, "already holds a run");
  replace("report/results.json");
  const Result in_the_way = run(eval_arguments(directory / "report"));
  expect_one_line(in_the_way, 1, part);
  fs::remove(directory / "report/results.json");
  fs::create_directories(directory / "report/results.json");
  expect_one_line(run(eval_arguments(directory / "report")), 1, part);
  // What an earlier report says it wrote is removed, unless it is more than a file.
  fs::remove_all(directory / "report");
  directory.write("report/results.json", R"({"results":{"msp":{"old":1,"../kept":1,")" + std::string(300, 'x') + R"(":1}}})");
  directory.write("report/scores/old.csv/kept", std::string("kept"));
  directory.write("report/kept.csv", std::string("kept"));
  expect_one_line(run(eval_arguments(directory / "report")), 1, "old.csv");
  fs::remove_all(directory / "report/scores/old.csv");
  directory.write("report/scores/old.csv", std::string());
  directory.write("report/results.json", R"({"results":{"msp":{"old":1,"../kept":1,")" + std::string(300, 'x') + R"(":1}}})");
  EXPECT_EQ(run(eval_arguments(directory / "report")).status, 0);
  EXPECT_FALSE(fs::exists(directory / "report/scores/old.csv"));
  EXPECT_TRUE(fs::exists(directory / "report/kept.csv"));
}

TEST(Streams, NobodyReads) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "/dev/full is missing";
  expect_one_line(run_in_shell("", {"info"}, ">&-"), 1, "cannot write the output");
  expect_one_line(run_in_shell("", {"info", "--arch", "resnet56"}, "> /dev/full"), 1, "cannot write the output");
  EXPECT_EQ(run_in_shell("", {"info"}, ">&- 2>&- <&-").status, 1);
  EXPECT_EQ(run_in_shell("", {"frobnicate"}, "2> /dev/full").status, 2);
  EXPECT_EQ(run_in_shell("", {"frobnicate"}, "2>&-").status, 2);
  const TemporaryDirectory directory;
  const std::string line = fmt::format("(sleep 0.2; '{}' info --arch resnet56 2> '{}'; echo $? > '{}') | true", MODE_BINARY,
                                       directory / "err", directory / "status");
  ASSERT_EQ(std::system(line.c_str()), 0);
  expect_one_line({std::atoi(read_bytes(directory / "status").c_str()), "", read_bytes(directory / "err")}, 1, "Broken pipe");
}

/// Hours of training do not end because a terminal did; and nothing that is printed gets into a file that took the number of a stream.
TEST(Streams, TrainingGoesOnWithoutAReader) {
  const TemporaryDirectory directory;
  const std::string log = read_bytes(fs::path(trained_model()).replace_filename("log.csv"));
  // More than a buffer of output, too.
  EXPECT_EQ(run_in_shell("",
                         {"train", "--data", "synthetic:shapes?limit=8", "--arch", "resnet56", "--epochs", "1", "--batch", "8", "--out",
                          directory / "deep"},
                         "> /dev/full")
                .status,
            1);
  EXPECT_TRUE(fs::exists(directory / "deep/model.safetensors"));
  for (const std::string redirection : {">&-", "<&- >&- 2>&-", "> /dev/full"}) {
    const std::string out = directory / ("run" + std::to_string(redirection.size()));
    EXPECT_EQ(run_in_shell("", train_arguments(out), redirection).status, 1) << redirection;
    EXPECT_EQ(nn::read_safetensors(out + "/model.safetensors").metadata.at("content_hash"),
              nn::read_safetensors(trained_model()).metadata.at("content_hash"));
    const std::string now = read_bytes(out + "/log.csv");
    EXPECT_EQ(std::count(now.begin(), now.end(), '\n'), std::count(log.begin(), log.end(), '\n')) << now;
  }
}

TEST(MemoryLimit, IsOneLine) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer reserves more addresses than any limit leaves";
#endif
  const TemporaryDirectory directory;
  ASSERT_FALSE(trained_model().empty());
  int failed = 0, all = 0;
  const auto limited = [&](int kilobytes, const std::vector<std::string>& arguments) {
    const std::string limit = "ulimit -v " + std::to_string(kilobytes);
    // Too little for the loader of programs: the kernel ends the process, or the shell says 127. A binary with CUDA in it is large.
    if (run_in_shell(limit, {"info", "--help"}).status != 0) return;
    const Result result = run_in_shell(limit, arguments);
    ++all;
    if (result.status == 0) return;
    ++failed;
    expect_one_line(result, 1, "");
    EXPECT_TRUE(result.err.find("out of memory") != std::string::npos || result.err.find("cannot start") != std::string::npos)
        << result.err;
  };
  for (int kilobytes = 9000; kilobytes < 70000; kilobytes += 5100) {
    limited(kilobytes, train_arguments(directory / std::to_string(kilobytes), {"--threads", "2"}));
    std::vector<std::string> arguments = eval_arguments(directory / ("report" + std::to_string(kilobytes)));
    arguments.insert(arguments.end(), {"--threads", "2"});
    limited(kilobytes, arguments);
  }
  for (int kilobytes = 20000; kilobytes < 100000; kilobytes += 30000) limited(kilobytes, features_arguments(directory / "features"));
  limited(120000, train_arguments(directory / "threads", {"--threads", "64"}));
  EXPECT_GE(all, 12);
  EXPECT_GE(failed, 8);
  EXPECT_EQ(unfinished_in(directory.path()), 0);
}

TEST(DataSet, GoesAwayDuringTraining) {
  const TemporaryDirectory directory;
  for (int image = 0; image < 400; ++image) {
    const files::Bytes png = files::rgb_png(8, 8, files::random_bytes(8 * 8 * 3, static_cast<uint64_t>(image)));
    directory.write(fmt::format("images/{}/{}.png", image % 2 == 0 ? "even" : "odd", image), png);
  }
  const std::string out = directory / "run";
  // With --mean and --std no image is read before the first epoch.
  command::Process process({"train", "--data", "folder:" + (directory / "images"), "--arch", "resnet20", "--epochs", "2", "--batch", "4",
                            "--mean", "0.5", "0.5", "0.5", "--std", "0.2", "0.2", "0.2", "--out", out});
  while (process.out_so_far().find("resnet20 ") == std::string::npos && process.is_running())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  fs::rename(directory / "images", directory / "moved");
  const Result result = process.wait();
  expect_one_line(result, 1, "images/");
  EXPECT_NE(result.err.find(".png: No such file"), std::string::npos) << result.err;
  const std::string state = read_bytes(out + "/state.safetensors");
  EXPECT_EQ(nn::read_safetensors(out + "/state.safetensors").metadata.at("step"), "0");

  expect_one_line(run({"train", "--resume", "--out", out}), 1, "no such folder");
  fs::rename(directory / "moved", directory / "images");
  fs::rename(directory / "images/odd/399.png", directory / "399.png");
  expect_one_line(run({"train", "--resume", "--out", out}), 1, "not those that the run began with");
  fs::rename(directory / "399.png", directory / "images/even/399.png");  // another label
  expect_one_line(run({"train", "--resume", "--out", out}), 1, "not those that the run began with");
  EXPECT_EQ(read_bytes(out + "/state.safetensors"), state);
  fs::rename(directory / "images/even/399.png", directory / "images/odd/399.png");
  command::Process resumed({"train", "--resume", "--out", out});
  while (resumed.out_so_far().find("resnet20 ") == std::string::npos && resumed.is_running())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  resumed.signal(SIGTERM);
  EXPECT_EQ(resumed.wait().status, 130) << "the run continues until it is interrupted";
}

}  // namespace
