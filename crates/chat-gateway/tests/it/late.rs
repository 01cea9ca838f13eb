//! A hub that gets commits later than clients can read them: nothing is lost, and nothing comes twice.

use chat_core::messages::Recipient;

use crate::support::{TestCluster, User};

async fn tom_and_jerry(cluster: &TestCluster) -> (User, User) {
    (cluster.register("tom").await, cluster.register("jerry").await)
}

#[tokio::test]
async fn a_v1_client_gets_once_what_its_hub_gets_late() {
    let cluster = TestCluster::of(1).await;
    let (tom, jerry) = tom_and_jerry(&cluster).await;
    let node = &cluster.nodes[0];
    node.gate.shut();
    node.write(&tom, Recipient::User(jerry.id), "before").await;
    let mut jerrys = node.v1(&jerry).await;
    assert_eq!(jerrys.text().await, "before");
    node.write(&tom, Recipient::User(jerry.id), "meanwhile").await;
    node.gate.open().await;
    node.write(&tom, Recipient::User(jerry.id), "after").await;
    assert_eq!([jerrys.text().await, jerrys.text().await], ["meanwhile", "after"]);
}

#[tokio::test]
async fn a_v1_client_is_not_given_what_its_own_user_wrote_before() {
    let cluster = TestCluster::of(1).await;
    let (tom, jerry) = tom_and_jerry(&cluster).await;
    let node = &cluster.nodes[0];
    node.gate.shut();
    node.write(&jerry, Recipient::User(tom.id), "before").await;
    let mut jerrys = node.v1(&jerry).await;
    node.write(&jerry, Recipient::User(tom.id), "meanwhile").await;
    node.gate.open().await;
    node.write(&jerry, Recipient::User(tom.id), "after").await;
    assert_eq!([jerrys.text().await, jerrys.text().await], ["meanwhile", "after"]);
}

#[tokio::test]
async fn a_v2_client_gets_once_what_its_hub_gets_late() {
    let cluster = TestCluster::of(1).await;
    let (tom, jerry) = tom_and_jerry(&cluster).await;
    let node = &cluster.nodes[0];
    let (_, cursor) = node.v2(&jerry, None).await.until_live().await;
    node.gate.shut();
    for text in ["one", "two"] {
        node.write(&tom, Recipient::User(jerry.id), text).await;
    }
    let mut resumed = node.v2(&jerry, Some(cursor)).await;
    let (missed, _) = resumed.until_live().await;
    assert_eq!(missed, ["one", "two"]);
    let mut fresh = node.v2(&jerry, None).await;
    assert_eq!(fresh.until_live().await.0, Vec::<String>::new());
    node.gate.open().await;
    node.write(&tom, Recipient::User(jerry.id), "three").await;
    assert_eq!(resumed.text().await, "three");
    assert_eq!(fresh.text().await, "three", "what was there when it came is loaded over REST");
}

#[tokio::test]
async fn members_added_and_removed_before_the_hub_gets_the_event() {
    let cluster = TestCluster::of(1).await;
    let (tom, jerry) = tom_and_jerry(&cluster).await;
    let spike = cluster.register("spike").await;
    let node = &cluster.nodes[0];
    let group = node.chat.create_group(tom.id, "Cheese").await.unwrap().id;
    node.chat.add_member(tom.id, group, spike.id).await.unwrap();
    let (_, cursor) = node.v2(&spike, None).await.until_live().await;
    node.gate.shut();
    node.chat.add_member(tom.id, group, jerry.id).await.unwrap();
    node.write(&tom, Recipient::Group(group), "hello, both").await;
    node.chat.remove_member(tom.id, group, spike.id).await.unwrap();
    let mut jerrys = node.v1(&jerry).await;
    assert_eq!(jerrys.text().await, "hello, both");
    let mut spikes = node.v2(&spike, Some(cursor)).await;
    assert_eq!(spikes.until_live().await.0, Vec::<String>::new(), "he is no member any more");
    node.gate.open().await;
    node.write(&tom, Recipient::Group(group), "hello, Jerry").await;
    assert_eq!(jerrys.text().await, "hello, Jerry");
    node.write(&tom, Recipient::User(spike.id), "sorry").await;
    assert_eq!(spikes.text().await, "sorry");
}
