// Runs that are killed, resumed, resumed with other options, moved, or begun twice in one directory.

#include "tests/killed_runs.h"

namespace {

using command::expect_one_line;
using command::Process;
using command::Result;
using command::run;
using command::tiny_run;
using command::train_arguments;
using command::value_after;

std::vector<std::string> resume(const std::string& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train", "--resume", "--out", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

bool wait_for(const std::string& path) {
  for (int wait = 0; wait < 6000 && !std::filesystem::exists(path); ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return std::filesystem::exists(path);
}

TEST(ExactResume, AfterAFewKills) {
  const command::Kills kills = command::expect_same_ending_whatever_is_killed(8, 5, 0.8, 3);
  EXPECT_EQ(kills.done, 8);
}

TEST(ExactResume, SavesWithinAnEpochByTheClock) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  std::vector<std::string> arguments = tiny_run(out);
  *(std::find(arguments.begin(), arguments.end(), "--save-every") + 1) = "0.00001m";
  *(std::find(arguments.begin(), arguments.end(), "--data") + 1) = "synthetic:shapes?split=train&limit=4000";  // long epochs
  Process process(arguments);
  const auto batches_done = [&] {
    return std::filesystem::exists(out + "/state.safetensors")
               ? std::stoll(nn::read_safetensors(out + "/state.safetensors").metadata.at("batch"))
               : 0;
  };
  for (int wait = 0; wait < 2000 && batches_done() == 0; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GT(batches_done(), 0);
  process.signal(SIGKILL);
  EXPECT_EQ(process.wait().status, 128 + SIGKILL);
}

TEST(ExactResume, OtherOptionsAreRefused) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run(train_arguments(directory / "run", {"--lr", "0.1"})).status, 0);
  const std::string state = read_bytes(directory / "run/state.safetensors");
  const std::vector<std::vector<std::string>> different = {{"--batch", "16"},        {"--lr", "0.2"},   {"--schedule", "constant"},
                                                           {"--weight-decay", "0"},  {"--clip", "1"},   {"--val-fraction", "0.5"},
                                                           {"--patience", "2"},      {"--seed", "9"},   {"--nesterov"},
                                                           {"--no-augment"},         {"--size", "16"},  {"--label-smoothing", "0.1"},
                                                           {"--no-decay-norm-bias"}, {"--epochs", "3"}, {"--preset", "quick"}};
  for (const std::vector<std::string>& options : different) {
    SCOPED_TRACE(options[0]);
    expect_one_line(run(resume(directory / "run", options)), 2, options[0] == "--no-augment" ? "--augment none" : options[0]);
  }
  EXPECT_EQ(read_bytes(directory / "run/state.safetensors"), state);
  EXPECT_EQ(run(resume(directory / "run", {"--batch", "32", "--lr", "0.1", "--epochs", "2", "--save-every", "5", "--threads", "1"})).status,
            0);
}

TEST(ExactResume, SaysWhatChanged) {
  const TemporaryDirectory directory;
  ::setenv("MODE_ISA", "portable", 1);
  const Result portable = run(train_arguments(directory / "run"));
  ::unsetenv("MODE_ISA");
  ASSERT_EQ(portable.status, 0) << portable.err;
  const std::string path = directory / "run/state.safetensors";
  nn::TensorFile state = nn::read_safetensors(path);
  EXPECT_EQ(state.metadata.at("isa"), "portable");
  Result result = run(resume(directory / "run"));
  EXPECT_EQ(result.status, 0) << result.err;
  const bool is_portable = result.out.find("mode train: portable") != std::string::npos;  // a machine without other instruction sets
  const bool noted = result.out.find("note: the run began with portable, this process runs with ") != std::string::npos;
  EXPECT_NE(is_portable, noted) << result.out;
  EXPECT_EQ(result.out.find("with commit 0123"), std::string::npos);

  state.metadata["began_with"] = "0123456789ab";
  nn::add_content_hash(state);
  nn::write_safetensors(path, state);
  result = run(resume(directory / "run"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("note: the run began with commit 0123456789ab, this process runs with commit "), std::string::npos)
      << result.out;

  // The format before the validation split and meters.
  state.metadata.erase("format");
  nn::add_content_hash(state);
  nn::write_safetensors(path, state);
  expect_one_line(run(resume(directory / "run")), 1, "in format 1");
}

TEST(ExactResume, OtherImagesAreRefused) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run(train_arguments(directory / "run")).status, 0);
  const std::string path = directory / "run/state.safetensors";
  const nn::TensorFile state = nn::read_safetensors(path);
  for (const auto& [key, part] : {std::pair{"data_hash", "are not those that the run began with"}, {"val_hash", "validation split"}}) {
    nn::TensorFile changed = state;
    changed.metadata[key] = "0123456789abcdef";
    nn::add_content_hash(changed);
    nn::write_safetensors(path, changed);
    expect_one_line(run(resume(directory / "run")), 1, part);
  }
}

TEST(OneRunAtATime, TheSecondIsRefusedByName) {
  const TemporaryDirectory directory;
  const std::string out = directory / "run";
  std::vector<std::string> arguments = tiny_run(out);
  *(std::find(arguments.begin(), arguments.end(), "--epochs") + 1) = "100000";
  *(std::find(arguments.begin(), arguments.end(), "--patience") + 1) = "0";
  Process first(arguments);
  ASSERT_TRUE(wait_for(out + "/state.safetensors"));
  const std::string expected = out + " is in use: process " + std::to_string(first.id()) + " trains there";
  expect_one_line(run(tiny_run(out)), 1, expected);
  expect_one_line(run(resume(out)), 1, expected);
  expect_one_line(run({"demo", "--epochs", "1", "--out", out}), 1, expected);
  // The kernel releases the lock with the process; the next run replaces the file.
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait().status, 128 + SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(out + "/.lock"));
  Process second(resume(out));
  for (int wait = 0; wait < 6000 && second.out_so_far().find("resuming in epoch") == std::string::npos; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  second.signal(SIGINT);
  EXPECT_EQ(second.wait().status, 130);
  EXPECT_FALSE(std::filesystem::exists(out + "/.lock"));
}

}  // namespace
